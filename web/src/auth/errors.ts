import { dateMember, isObject, stringMember } from "../lib/json";
import { clockTime, inWords } from "../lib/time";
import { describeRules, isRule, type Rule } from "./password";

/** A refusal of the auth API, as far as the forms tell refusals apart. */
export type AuthError =
  | { kind: "weak-password"; missing: Rule[] }
  | { kind: "locked"; until: Date | null }
  | { kind: "wrong-credentials" }
  | { kind: "email-taken" }
  | { kind: "invalid-email" }
  | { kind: "already-verified" }
  | { kind: "too-many-requests" }
  | { kind: "unavailable" }
  | { kind: "other"; message: string };

/** `error` is what the Better-Auth client reports: the body's members beside `status`. */
export function parseAuthError(error: unknown): AuthError {
  const members = isObject(error) ? error : {};
  const status = typeof members.status === "number" ? members.status : 0;
  switch (stringMember(members, "code")) {
    case "PASSWORD_TOO_WEAK":
    case "PASSWORD_TOO_SHORT": {
      const missing: unknown = members.missing;
      return { kind: "weak-password", missing: Array.isArray(missing) ? missing.filter(isRule) : ["length"] };
    }
    case "ACCOUNT_LOCKED":
      return { kind: "locked", until: dateMember(members, "lockedUntil") };
    case "INVALID_EMAIL_OR_PASSWORD":
      return { kind: "wrong-credentials" };
    case "USER_ALREADY_EXISTS":
    case "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL":
      return { kind: "email-taken" };
    case "INVALID_EMAIL":
      return { kind: "invalid-email" };
    case "EMAIL_ALREADY_VERIFIED":
      return { kind: "already-verified" };
  }
  if (status === 429) return { kind: "too-many-requests" };
  if (status === 0 || status >= 500) return { kind: "unavailable" };
  return { kind: "other", message: stringMember(members, "message") ?? "The server refused the request." };
}

export function describeAuthError(error: AuthError, now: Date, locale?: string): string {
  switch (error.kind) {
    case "weak-password":
      return `The password still needs ${describeRules(error.missing)}.`;
    case "locked":
      return error.until === null
        ? "This account is locked after too many failed attempts. Try again in half an hour."
        : `Too many failed attempts. You can sign in again at ${clockTime(error.until, now, locale)} (${inWords(error.until, now)}).`;
    case "wrong-credentials":
      return "E-mail or password is wrong.";
    case "email-taken":
      return "There is already an account with this e-mail address.";
    case "invalid-email":
      return "This is not a valid e-mail address.";
    case "already-verified":
      return "This e-mail address is already verified.";
    case "too-many-requests":
      return "Too many attempts. Wait a minute and try again.";
    case "unavailable":
      return "The service is not available right now. Try again in a moment.";
    case "other":
      return error.message;
  }
}

/** Codes the mailed link reports as `?error=`. */
export function describeVerificationError(code: string): string {
  switch (code.toUpperCase()) {
    case "TOKEN_EXPIRED":
      return "This link has expired. Links are valid for one hour.";
    case "USER_NOT_FOUND":
    case "INVALID_USER":
      return "The account this link belongs to no longer exists.";
    default:
      return "This link is not valid. It may have been cut off by the mail program.";
  }
}
