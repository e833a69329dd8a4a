import { useEffect } from "react";
import { Link, useSearchParams } from "react-router";
import { page } from "../api/urls";
import { authClient } from "../auth/client";
import { useTitle } from "../lib/hooks";

/** Where deleting ends, by password or by the mailed link. */
export function AccountDeletedPage() {
  const [search] = useSearchParams();
  const refused = search.has("error");
  const { refetch } = authClient.useSession();
  useTitle(refused ? "Link refused" : "Account deleted");

  useEffect(() => {
    void refetch({ query: { disableCookieCache: true } });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, on arrival
  }, []);

  if (refused) {
    return (
      <div className="card form" role="alert">
        <h1>This link did not work</h1>
        <p>
          It works once, for a day, and only where you are signed in to the account. Your account has not been deleted by it: sign
          in here and follow the link again, or ask for a new one.
        </p>
        <Link className="button primary wide" to={page.account}>
          Go to the account
        </Link>
      </div>
    );
  }
  return (
    <div className="card form" data-testid="account-deleted">
      <h1>Your account is deleted</h1>
      <p>Your name, your address and your ways to sign in have been erased, and you are signed out on all devices. Thank you for having learnt here.</p>
      <Link className="button wide" to="/">
        Go to the start page
      </Link>
    </div>
  );
}
