import type { ReactNode } from "react";
import { NavLink } from "react-router";
import { page } from "../api/urls";
import type { User } from "../auth/use-user";
import { State } from "../components/ErrorState";
import { RequireUser } from "../components/RequireUser";

/** What the pages of administrators share. */
export function AdminFrame({ children }: { children: (user: User) => ReactNode }) {
  return (
    <RequireUser>
      {(user) =>
        user.role === "admin" ? (
          <div className="page wide">
            <h1>Admin</h1>
            <nav className="tabs" aria-label="Admin">
              <NavLink to={page.admin} end>
                Events and usage
              </NavLink>
              <NavLink to={page.adminUsers}>Users</NavLink>
              <NavLink to={page.adminApplications}>Applications</NavLink>
            </nav>
            {children(user)}
          </div>
        ) : (
          <State title="For administrators" text="Your account has no access to this page." />
        )
      }
    </RequireUser>
  );
}
