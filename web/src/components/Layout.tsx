import { Suspense, useRef } from "react";
import { Link, NavLink, Outlet, useLocation, useNavigate } from "react-router";
import { authClient } from "../auth/client";
import { useAuth } from "../auth/use-user";
import { page } from "../api/urls";
import { usePageChange } from "./use-page-change";

export function Layout() {
  const main = useRef<HTMLElement>(null);
  usePageChange(main);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header />
      <SessionTrouble />
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
  const { pathname } = useLocation();
  const next = pathname === "/" || /^\/(sign-|check-mail|verified)/.test(pathname) ? "/courses" : pathname;
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
            <Link className="button quiet" to={page.signIn(next)}>
              Sign in
            </Link>
            <Link className="button primary hide-narrow" to={page.signUp(next)}>
              Create an account
            </Link>
          </>
        )}
      </div>
    </header>
  );
}

/** Without an answer about the session nobody can be told from a visitor: say so rather than look signed out. */
function SessionTrouble() {
  const { data, error, isPending, refetch } = authClient.useSession();
  if (error === null || data !== null || isPending) return null;
  return (
    <div className="notice danger trouble" role="alert">
      <span>Your account cannot be reached right now.</span>
      <button type="button" className="button small" onClick={() => void refetch()}>
        Reconnect
      </button>
    </div>
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
      <span className="account-name" title={email} data-testid="user-name">
        {name}
      </span>
      <button type="button" className="button quiet" onClick={() => void signOut()}>
        Sign out
      </button>
    </>
  );
}
