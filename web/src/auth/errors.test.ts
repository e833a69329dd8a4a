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
