import { useRefetchOnFocus } from "../auth/use-refetch-on-focus";
import { useResend } from "../auth/use-resend";
import { useUser } from "../auth/use-user";
import { ResendButton } from "./ResendButton";
import { Icon } from "./icons";

/** Stands in for what only verified users may use, until the address is verified, here or elsewhere. */
export function VerifyNotice() {
  const user = useUser();
  const resend = useResend(user?.email ?? "", false);
  useRefetchOnFocus();
  return (
    <div className="state" data-testid="verify-notice">
      <Icon name="mail" />
      <h2>Verify your e-mail to read lessons and ask the tutor</h2>
      <p>
        We have sent a link to <strong>{user?.email ?? "your address"}</strong>. Follow it on any device; this page opens by
        itself when you come back to it.
      </p>
      {user !== null && <ResendButton {...resend} />}
    </div>
  );
}
