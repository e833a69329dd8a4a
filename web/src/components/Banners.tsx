import { Link, useLocation } from "react-router";
import { authClient } from "../auth/client";
import { useAuthCall } from "../auth/use-auth-call";
import { useAuthTrouble, useUser } from "../auth/use-user";
import { page } from "../api/urls";
import { AuthProblem } from "./AuthProblem";
import { Icon } from "./icons";

/** These pages say themselves that signing in does not work, or that an address waits to be verified. */
const ABOUT_SIGN_IN = /^\/(sign-in|sign-up|account|admin|device)/;
const ABOUT_VERIFYING = /^\/(check-mail|verified|courses\/[^/]+\/lessons\/)/;
/** These ask about something else: nothing is to come between. */
const FOR_APPLICATION = /^\/(oauth\/|device)/;

export function Banners() {
  return (
    <>
      <ImpersonationBanner />
      <SessionTrouble />
      <VerifyBanner />
    </>
  );
}

/** Without an answer about the session nobody can be told from a visitor: say so rather than look signed out. */
function SessionTrouble() {
  const { troubled, retrying, retry } = useAuthTrouble();
  const { pathname } = useLocation();
  if (!troubled || ABOUT_SIGN_IN.test(pathname)) return null;
  return (
    <div className="notice danger banner" role="alert">
      <span>Your account cannot be reached right now.</span>
      <button type="button" className="button small" disabled={retrying} onClick={retry}>
        Reconnect
      </button>
    </div>
  );
}

function VerifyBanner() {
  const user = useUser();
  const { pathname } = useLocation();
  if (user === null || user.emailVerified || ABOUT_VERIFYING.test(pathname) || FOR_APPLICATION.test(pathname)) return null;
  return (
    <div className="notice warning banner" role="status" data-testid="verify-banner">
      <span>
        Verify <strong>{user.email}</strong> to read lessons and ask the tutor.
      </span>
      <Link to="/check-mail">Send the link again</Link>
    </div>
  );
}

function ImpersonationBanner() {
  const { data } = authClient.useSession();
  const { sending, error, run } = useAuthCall();
  if (data?.session.impersonatedBy == null) return null;

  const stop = async () => {
    const stopped = await run(() => authClient.admin.stopImpersonating());
    // Afresh, so that nothing of the other user stays on any page.
    if (stopped.ok) window.location.assign(page.adminUsers);
  };
  return (
    <div className="notice banner impersonation" role="status" data-testid="impersonation-banner">
      <Icon name="eye" />
      <span>
        You see the app as <strong>{data.user.name}</strong>.
      </span>
      <button type="button" className="button small" disabled={sending} onClick={() => void stop()}>
        Stop
      </button>
      <AuthProblem error={error} />
    </div>
  );
}
