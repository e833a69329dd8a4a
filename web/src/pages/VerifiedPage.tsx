import { useEffect } from "react";
import { Link, useSearchParams } from "react-router";
import { authClient } from "../auth/client";
import { describeVerificationError } from "../auth/errors";
import { useAuth } from "../auth/use-user";
import { VerifyNotice } from "../components/VerifyNotice";
import { useTitle } from "../lib/hooks";

/** Where the mailed link ends, with `?error=` when it was refused. */
export function VerifiedPage() {
  const [search] = useSearchParams();
  const error = search.get("error");
  const auth = useAuth();
  const { refetch } = authClient.useSession();
  useTitle(error === null ? "Address verified" : "Link refused");

  useEffect(() => {
    // The session may be cached from before the address was verified.
    void refetch({ query: { disableCookieCache: true } });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, on arrival
  }, []);

  if (error !== null) {
    return (
      <div className="card form">
        <h1>This link did not work</h1>
        <p>{describeVerificationError(error)}</p>
        {auth.status === "signed-in" && !auth.user.emailVerified && <VerifyNotice />}
        {auth.status === "signed-in" && auth.user.emailVerified && <p>Your address is verified already.</p>}
        {auth.status === "signed-out" && (
          <Link className="button primary wide" to="/sign-in">
            Sign in to get a new one
          </Link>
        )}
      </div>
    );
  }
  return (
    <div className="card form" data-testid="verified">
      <h1>Your address is verified</h1>
      <p>Lessons and the tutor are open to you now.</p>
      <Link className="button primary wide" to={auth.status === "signed-out" ? "/sign-in" : "/courses"}>
        {auth.status === "signed-out" ? "Sign in" : "Go to the courses"}
      </Link>
    </div>
  );
}
