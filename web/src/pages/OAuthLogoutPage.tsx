import { useRef } from "react";
import { Link } from "react-router";
import { useAuthCall } from "../auth/use-auth-call";
import { AuthProblem } from "../components/AuthProblem";
import { useTitle } from "../lib/hooks";
import { confirmSignOut } from "../oauth/api";
import { ApplicationName } from "../oauth/ApplicationHead";
import { DeadRequest, isDead } from "../oauth/DeadRequest";
import { useLeaving } from "../oauth/use-leaving";
import { useApplication, useSignedQuery } from "../oauth/use-signed-query";

/** Asks, since any page of the web can lead here (OpenID Connect RP-Initiated Logout 1.0, section 2). */
export default function OAuthLogoutPage() {
  useTitle("Sign out?");
  const query = useSignedQuery();
  return query === null ? <DeadRequest error={null} /> : <Question key={query} query={query} />;
}

function Question({ query }: { query: string }) {
  const application = useApplication(query);
  const busy = useRef(false);
  const { sending, error, run } = useAuthCall();
  const { leaving, leave } = useLeaving();
  const client = application.status === "ready" ? application.data : null;

  const signOut = async () => {
    if (busy.current) return;
    busy.current = true;
    const settled = await run(() => confirmSignOut(query));
    busy.current = false;
    if (settled.ok) leave(settled.data.url);
  };

  const problem = error ?? (application.status === "failed" ? application.error : null);
  if (problem !== null && isDead(problem)) return <DeadRequest error={problem} />;
  return (
    <div className="card form" data-testid="sign-out">
      <h1>Sign out of IntelliStack?</h1>
      <p>
        {client === null ? "An application asks for it." : <><ApplicationName client={client} /> asks for it.</>} On your other
        devices you stay signed in.
      </p>
      <AuthProblem error={error} onRetry={() => void signOut()} />
      {leaving === "refused" && (
        <p className="notice success" role="status">
          You are signed out. <Link to="/">Go to the start page</Link>
        </p>
      )}
      <div className="decision">
        <button type="button" className="button" disabled={sending || leaving !== "no"} onClick={() => void signOut()}>
          {sending || leaving === "yes" ? "Signing out…" : "Sign out"}
        </button>
        <Link className="button" to="/">
          Stay signed in
        </Link>
      </div>
    </div>
  );
}
