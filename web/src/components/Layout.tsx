import { Suspense, useRef } from "react";
import { Link, NavLink, Outlet, useLocation, useNavigate } from "react-router";
import { authClient } from "../auth/client";
import { useAuth } from "../auth/use-user";
import { page } from "../api/urls";
import { Banners } from "./Banners";
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
  const { pathname } = useLocation();
  const next = pathname === "/" || /^\/(sign-|check-mail|verified|forgot-|reset-|account\/deleted)/.test(pathname) ? "/courses" : pathname;
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
