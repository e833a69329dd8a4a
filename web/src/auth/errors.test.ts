import { expect, test } from "vitest";
import { describeAuthError, describeVerificationError, parseAuthError } from "./errors";

const now = new Date(2026, 10, 23, 14, 0, 0);

test("a weak password names the missing rules and drops unknown ones", () => {
  const error = parseAuthError({ status: 400, code: "PASSWORD_TOO_WEAK", missing: ["digit", "emoji"] });
  expect(error).toEqual({ kind: "weak-password", missing: ["digit"] });
  expect(describeAuthError(error, now)).toBe("The password still needs a digit.");
});

test.each([["as a Date", new Date(2026, 10, 23, 14, 30)], ["as text", new Date(2026, 10, 23, 14, 30).toISOString()]])(
  "a lockout tells the time, given %s",
  (_, lockedUntil) => {
    const error = parseAuthError({ status: 429, code: "ACCOUNT_LOCKED", lockedUntil });
    expect(describeAuthError(error, now, "en-GB")).toBe(
      "Too many failed attempts. You can sign in again at 14:30 (in 30 min).",
    );
  },
);

test("failures without a code are told apart by status", () => {
  expect(parseAuthError({ status: 429 }).kind).toBe("too-many-requests");
  expect(parseAuthError({ status: 503 }).kind).toBe("unavailable");
  expect(parseAuthError(null).kind).toBe("unavailable");
  expect(parseAuthError({ status: 403, message: "No." })).toEqual({ kind: "other", message: "No." });
});

test("an expired link says so", () => {
  expect(describeVerificationError("TOKEN_EXPIRED")).toContain("expired");
  expect(describeVerificationError("whatever")).toContain("not valid");
});

test("a rate limit tells how long to wait, if the server does", () => {
  const limited = parseAuthError({ status: 429, message: "Too many requests.", retryAfter: 8 });
  expect(describeAuthError(limited, now)).toBe("Too many attempts. Wait 8 seconds and try again.");
  expect(describeAuthError(parseAuthError({ status: 429, retryAfter: 0.2 }), now)).toContain("Wait 1 second and");
  expect(describeAuthError(parseAuthError({ status: 429 }), now)).toContain("Wait a minute");
});

test.each([
  [403, "BANNED_USER", "suspended"],
  [400, "PASSWORD_COMPROMISED", "data breaches"],
  [400, "INVALID_PASSWORD", "not your password"],
  [409, "LAST_ADMIN", "last administrator"],
  [400, "FAILED_TO_UNLINK_LAST_ACCOUNT", "only way to sign in"],
  [400, "INVALID_SIGNATURE", "start again"],
  [404, "CLIENT_NOT_FOUND", "not known here"],
  [404, "DEVICE_CODE_NOT_FOUND", "Look at the device again"],
])("%d %s is said in words", (status, code, words) => {
  expect(describeAuthError(parseAuthError({ status, code, message: "No." }), now)).toContain(words);
});

test("a refusal with a message only is recognised by it", () => {
  const same = parseAuthError({ status: 400, message: "Email is the same" });
  expect(describeAuthError(same, now)).toBe("This is your e-mail address already.");
});

test("an old session is told apart from a lost one", () => {
  expect(parseAuthError({ status: 403, code: "SESSION_NOT_FRESH" }).kind).toBe("not-fresh");
  expect(parseAuthError({ status: 400, code: "SESSION_EXPIRED" }).kind).toBe("not-fresh");
  expect(parseAuthError({ status: 401, code: "UNAUTHORIZED" }).kind).toBe("signed-out");
});

test("a code that is a member of every object is not taken for a known one", () => {
  expect(parseAuthError({ status: 400, code: "toString", message: "No." })).toEqual({ kind: "other", message: "No." });
});
