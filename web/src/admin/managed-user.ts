import { roleOf, type Role } from "../auth/role";
import { dateText } from "../lib/time";

/** What an administrator sees of a user. */
export interface ManagedUser {
  id: string;
  name: string;
  email: string;
  emailVerified: boolean;
  createdAt: Date;
  role?: string | null | undefined;
  banned?: boolean | null | undefined;
  banReason?: string | null | undefined;
  banExpires?: Date | null | undefined;
}

export const ROLES: readonly (readonly [Role, string])[] = [
  ["student", "Student"],
  ["instructor", "Instructor"],
  ["admin", "Administrator"],
];

export function roleLabel(user: ManagedUser): string {
  const role = roleOf(user);
  return ROLES.find(([id]) => id === role)?.[1] ?? role;
}

/** Null when the user may sign in; a ban that is over counts for nothing. */
export function banText(user: ManagedUser, now: Date, locale?: string): string | null {
  if (user.banned !== true) return null;
  if (user.banExpires == null) return "banned";
  const end = new Date(user.banExpires);
  return end > now ? `banned until ${dateText(end, locale)}` : null;
}
