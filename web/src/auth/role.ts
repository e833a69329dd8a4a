import { isObject } from "../lib/json";

export type Role = "student" | "instructor" | "admin";

/** A role the app does not know counts as the least one. */
export function roleOf(user: unknown): Role {
  const role = isObject(user) ? user.role : null;
  return role === "admin" || role === "instructor" ? role : "student";
}
