import { Applications } from "../account/Applications";
import { DeleteAccount } from "../account/DeleteAccount";
import { EmailAddress } from "../account/EmailAddress";
import { Password } from "../account/Password";
import { Profile } from "../account/Profile";
import { Sessions } from "../account/Sessions";
import { SignInAgain } from "../account/SignInAgain";
import { SignInMethods } from "../account/SignInMethods";
import { authClient } from "../auth/client";
import { useAuthResource } from "../auth/use-auth-resource";
import type { User } from "../auth/use-user";
import { RequireUser } from "../components/RequireUser";
import { useTitle } from "../lib/hooks";

const listAccounts = () => authClient.listAccounts();
const listSessions = () => authClient.listSessions();

export default function AccountPage() {
  useTitle("Account");
  // Another user's forms begin anew.
  return <RequireUser>{(user) => <Account key={user.id} user={user} />}</RequireUser>;
}

function Account({ user }: { user: User }) {
  const accounts = useAuthResource(listAccounts);
  const sessions = useAuthResource(listSessions);
  const methods =
    accounts.resource.status === "ready" ? accounts.resource.data.map(({ providerId }) => providerId) : null;
  const hasPassword = methods?.includes("credential") ?? null;
  return (
    <SignInAgain user={user} methods={methods} onRenewed={sessions.reload}>
      <div className="page account-page">
        <h1>Account</h1>
        <Profile user={user} />
        <EmailAddress user={user} />
        <Password user={user} known={hasPassword} onChanged={sessions.reload} />
        <SignInMethods accounts={accounts.resource} onChanged={accounts.reload} />
        <Sessions sessions={sessions.resource} onChanged={sessions.reload} />
        <Applications />
        <DeleteAccount user={user} hasPassword={hasPassword} />
      </div>
    </SignInAgain>
  );
}
