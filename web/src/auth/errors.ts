import { dateMember, isObject, numberMember, stringMember, type JsonObject } from "../lib/json";
import { clockTime, inWords } from "../lib/time";
import { plural } from "../lib/words";
import { describeRules, isRule, type Rule } from "./password";

/** A refusal of the auth API, as far as the forms tell refusals apart. */
export type AuthError =
  | { kind: "weak-password"; missing: Rule[] }
  | { kind: "compromised-password" }
  | { kind: "wrong-password" }
  | { kind: "locked"; until: Date | null }
  | { kind: "wrong-credentials" }
  | { kind: "email-taken" }
  | { kind: "invalid-email" }
  | { kind: "already-verified" }
  | { kind: "banned" }
  | { kind: "bad-link" }
  /** The session is too old for this; signing in again helps. */
  | { kind: "not-fresh" }
  | { kind: "signed-out" }
  /** The request of an application is no longer valid, or was changed on its way. */
  | { kind: "expired-request" }
  | { kind: "unknown-application" }
  | { kind: "unknown-device-code" }
  | { kind: "too-many-requests"; seconds: number | null }
  | { kind: "unavailable" }
  | { kind: "other"; message: string };

/** Kinds that say nothing but their name. */
const PLAIN = {
  PASSWORD_COMPROMISED: "compromised-password",
  INVALID_PASSWORD: "wrong-password",
  INVALID_EMAIL_OR_PASSWORD: "wrong-credentials",
  USER_ALREADY_EXISTS: "email-taken",
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: "email-taken",
  INVALID_EMAIL: "invalid-email",
  EMAIL_ALREADY_VERIFIED: "already-verified",
  BANNED_USER: "banned",
  INVALID_TOKEN: "bad-link",
  SESSION_NOT_FRESH: "not-fresh",
  SESSION_EXPIRED: "not-fresh",
  INVALID_SIGNATURE: "expired-request",
  CLIENT_NOT_FOUND: "unknown-application",
  DEVICE_CODE_NOT_FOUND: "unknown-device-code",
} as const;

/** Refusals that are only shown, in words for the person who reads them. */
const WORDS: Record<string, string> = {
  ACCOUNT_NOT_FOUND: "This way to sign in is no longer connected.",
  CREDENTIAL_ACCOUNT_NOT_FOUND: "This account has no password yet.",
  EMAIL_IS_THE_SAME: "This is your e-mail address already.",
  EMAIL_NOT_VERIFIED: "Verify your e-mail address first: follow the link we have sent you.",
  FAILED_TO_UNLINK_LAST_ACCOUNT: "This is your only way to sign in. Add another one before you disconnect it.",
  INVALID_IMAGE: "The picture must be a web address that begins with https:// or http://.",
  INVALID_NAME: "A name is one line of 1 to 100 characters.",
  LAST_ADMIN: "This is the last administrator. Make someone else an administrator first.",
  NOT_WHILE_IMPERSONATING: "This is not possible while you see the app as someone else.",
  PASSWORD_TOO_LONG: "A password has at most 128 characters.",
  PROVIDER_NOT_FOUND: "This service is not set up for signing in here.",
  SOCIAL_ACCOUNT_ALREADY_LINKED: "This account is already connected, here or to someone else.",
  USER_NOT_FOUND: "This account no longer exists.",
  YOU_CANNOT_BAN_YOURSELF: "You cannot ban yourself.",
  YOU_CANNOT_IMPERSONATE_ADMINS: "You cannot see the app as another administrator.",
};

/** `error` is what the Better-Auth client reports: the body's members beside `status`. */
export function parseAuthError(error: unknown): AuthError {
  const members = isObject(error) ? error : {};
  const code = stringMember(members, "code") ?? codeOf(stringMember(members, "message") ?? "");
  const known = parsePassword(code, members) ?? parseLock(code, members);
  if (known !== null) return known;
  if (Object.hasOwn(PLAIN, code)) return { kind: PLAIN[code as keyof typeof PLAIN] };
  const words = Object.hasOwn(WORDS, code) ? WORDS[code] : undefined;
  if (words !== undefined) return { kind: "other", message: words };

  const status = numberMember(members, "status") ?? 0;
  if (status === 429) return { kind: "too-many-requests", seconds: numberMember(members, "retryAfter") };
  if (status === 401) return { kind: "signed-out" };
  if (status === 0 || status >= 500) return { kind: "unavailable" };
  return { kind: "other", message: stringMember(members, "message") ?? "The server refused the request." };
}

/** Some refusals have a message only; Better-Auth makes its codes of them like this. */
function codeOf(message: string): string {
  return message.toUpperCase().replaceAll(" ", "_");
}

function parsePassword(code: string, { missing }: JsonObject): AuthError | null {
  if (code !== "PASSWORD_TOO_WEAK" && code !== "PASSWORD_TOO_SHORT") return null;
  return { kind: "weak-password", missing: Array.isArray(missing) ? missing.filter(isRule) : ["length"] };
}

function parseLock(code: string, members: JsonObject): AuthError | null {
  return code === "ACCOUNT_LOCKED" ? { kind: "locked", until: dateMember(members, "lockedUntil") } : null;
}

const SENTENCES = {
  "compromised-password":
    "This password is known from data breaches, so attackers try it first. Choose one that you use nowhere else.",
  "wrong-password": "This is not your password.",
  "wrong-credentials": "E-mail or password is wrong.",
  "email-taken": "There is already an account with this e-mail address.",
  "invalid-email": "This is not a valid e-mail address.",
  "already-verified": "This e-mail address is already verified.",
  banned: "This account has been suspended by an administrator. Contact whoever runs this site if you think that is a mistake.",
  "bad-link": "This link is not valid any more. Ask for a new one.",
  "not-fresh": "Your sign-in is too old for this. Please sign in again.",
  "signed-out": "You are no longer signed in.",
  "expired-request": "This request has expired. Go back to the application and start again.",
  "unknown-application": "This application is not known here any more.",
  "unknown-device-code": "No device waits with this code. Look at the device again: codes are valid for a short time and work once.",
  unavailable: "The service is not available right now. Try again in a moment.",
} as const;

export function describeAuthError(error: AuthError, now: Date, locale?: string): string {
  switch (error.kind) {
    case "weak-password":
      return `The password still needs ${describeRules(error.missing)}.`;
    case "locked":
      return error.until === null
        ? "This account is locked after too many failed attempts. Try again in half an hour."
        : `Too many failed attempts. You can sign in again at ${clockTime(error.until, now, locale)} (${inWords(error.until, now)}).`;
    case "too-many-requests":
      return error.seconds === null
        ? "Too many attempts. Wait a minute and try again."
        : `Too many attempts. Wait ${plural(Math.max(1, Math.ceil(error.seconds)), "second")} and try again.`;
    case "other":
      return error.message;
    default:
      return SENTENCES[error.kind];
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
