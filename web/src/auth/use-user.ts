import { authClient } from "./client";
import { isObject } from "../lib/json";

export type Role = "student" | "instructor" | "admin";

export interface User {
  id: string;
  name: string;
  email: string;
  emailVerified: boolean;
  role: Role;
}

export type Auth = { status: "loading" } | { status: "signed-out" } | { status: "signed-in"; user: User };

export function useAuth(): Auth {
  const session = authClient.useSession();
  if (session.data) {
    const { id, name, email, emailVerified } = session.data.user;
    return { status: "signed-in", user: { id, name, email, emailVerified, role: roleOf(session.data.user) } };
  }
  return { status: session.isPending ? "loading" : "signed-out" };
}

/** Null while signed out, and while that is not known yet. */
export function useUser(): User | null {
  const auth = useAuth();
  return auth.status === "signed-in" ? auth.user : null;
}

/** Names whose session an answer depends on; null until that is known. */
export function useSessionKey(): string | null {
  const auth = useAuth();
  if (auth.status === "loading") return null;
  return auth.status === "signed-in" ? `${auth.user.id}:${auth.user.emailVerified}` : "signed-out";
}

function roleOf(user: unknown): Role {
  const role = isObject(user) ? user.role : null;
  return role === "admin" || role === "instructor" ? role : "student";
}
