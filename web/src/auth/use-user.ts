import { useState } from "react";
import { authClient } from "./client";
import { roleOf, type Role } from "./role";

export interface User {
  id: string;
  name: string;
  email: string;
  emailVerified: boolean;
  image: string | null;
  role: Role;
}

export type Auth = { status: "loading" } | { status: "signed-out" } | { status: "signed-in"; user: User };

export function useAuth(): Auth {
  const session = authClient.useSession();
  if (session.data) {
    const { id, name, email, emailVerified, image = null } = session.data.user;
    return { status: "signed-in", user: { id, name, email, emailVerified, image, role: roleOf(session.data.user) } };
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

export interface AuthTrouble {
  /** Nobody knows whether there is a session: the auth API gives no answer. */
  troubled: boolean;
  retrying: boolean;
  retry: () => void;
}

/** Stays troubled while it is tried again, so that what says so does not flicker. */
export function useAuthTrouble(): AuthTrouble {
  const { data, error, isPending, refetch } = authClient.useSession();
  const [troubled, setTroubled] = useState(false);
  const failed = error !== null && data === null;
  if (!isPending && failed !== troubled) setTroubled(failed);
  return { troubled, retrying: troubled && isPending, retry: () => void refetch() };
}
