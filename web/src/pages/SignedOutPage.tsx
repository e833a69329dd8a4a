import { useEffect } from "react";
import { Link } from "react-router";
import { authClient } from "../auth/client";
import { useTitle } from "../lib/hooks";

/** Where signing out for an application ends that has not said where else. */
export function SignedOutPage() {
  useTitle("Signed out");
  const { refetch } = authClient.useSession();

  useEffect(() => {
    // The session may be cached from before it was ended.
    void refetch({ query: { disableCookieCache: true } });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, on arrival
  }, []);

  return (
    <div className="card form" data-testid="signed-out">
      <h1>You are signed out</h1>
      <p>On a device that others use, too, close the browser as well.</p>
      <Link className="button primary wide" to="/sign-in">
        Sign in
      </Link>
    </div>
  );
}
