import { Suspense, useRef } from "react";
import { Link, NavLink, Outlet, useLocation, useNavigate } from "react-router";
import { authClient } from "../auth/client";
import { useAuth } from "../auth/use-user";
import { page } from "../api/urls";
import { signedQuery } from "../oauth/signed-query";
import { Banners } from "./Banners";
import { usePageChange } from "./use-page-change";

/** Pages that nobody comes back to after signing in. */
const NO_RETURN = /^\/($|sign-|signed-|check-mail|verified|forgot-|reset-|oauth\/|account\/deleted)/;
/** Pages that hold the request of an application, which signing in goes on with. */
const FOR_APPLICATION = /^\/(sign-in|sign-up|oauth\/consent)$/;

export function Layout() {
  const main = useRef<HTMLElement>(null);
  usePageChange(main);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <Banners />
      <main id="main" ref={main} tabIndex={-1}>
        <Suspense fallback={<p className="loading">Loading…</p>}>
          <Outlet />
        </Suspense>
      </main>
    </>
  );
}

function Header() {
  const auth = useAuth();
  const { pathname, search } = useLocation();
  const next = NO_RETURN.test(pathname) ? page.courses : pathname;
  const query = FOR_APPLICATION.test(pathname) ? signedQuery(search) : null;
  return (
    <header className="site-header">
      <Link to="/" className="brand" aria-label="IntelliStack, home">
        <img src="/favicon.svg" alt="" width="28" height="28" />
        <span>IntelliStack</span>
      </Link>
      <nav aria-label="Main">
        <NavLink to="/courses">Courses</NavLink>
        {auth.status === "signed-in" && auth.user.role === "admin" && <NavLink to="/admin">Admin</NavLink>}
      </nav>
      <div className="account">
        {auth.status === "signed-in" && <Account name={auth.user.name} email={auth.user.email} />}
        {auth.status === "signed-out" && (
          <>
            <Link className="button quiet" to={query === null ? page.signIn(next) : page.signInFor(query)}>
              Sign in
            </Link>
            <Link className="button primary hide-narrow" to={query === null ? page.signUp(next) : page.signUpFor(query)}>
              Create an account
            </Link>
          </>
        )}
      </div>
    </header>
  );
}

function Account({ name, email }: { name: string; email: string }) {
  const navigate = useNavigate();
  const signOut = async () => {
    await authClient.signOut();
    await navigate("/");
  };
  return (
    <>
      <NavLink className="account-name" to={page.account} title={`Account of ${email}`} data-testid="user-name">
        {name}
      </NavLink>
      <button type="button" className="button quiet" onClick={() => void signOut()}>
        Sign out
      </button>
    </>
  );
}
