import type { ReactNode } from "react";
import { useAuth, useAuthTrouble, type User } from "../auth/use-user";
import { ApiError } from "../lib/http";
import { AuthUnavailable } from "./AuthUnavailable";
import { ErrorState } from "./ErrorState";

const SIGN_IN = new ApiError(401, "UNAUTHENTICATED", "Sign in to see this page.");

/** What only signed-in users see. */
export function RequireUser({ children }: { children: (user: User) => ReactNode }) {
  const auth = useAuth();
  const trouble = useAuthTrouble();
  if (auth.status === "signed-in") return children(auth.user);
  if (trouble.troubled) return <AuthUnavailable {...trouble} />;
  if (auth.status === "loading") return <p className="loading">Loading…</p>;
  return <ErrorState error={SIGN_IN} onRetry={() => undefined} />;
}
