import { expect, test } from "vitest";
import { describeProviderError } from "./provider-errors";

test.each([
  ["account_not_linked", "Sign in with your password and verify"],
  ["email_not_found", "did not tell us an e-mail address"],
  ["email_not_verified", "not verified at that service"],
  ["access_denied", "cancelled"],
  ["state_mismatch", "try again"],
  ["state_not_found", "try again"],
  ["BANNED_USER", "suspended"],
])("%s is said in words", (code, words) => {
  expect(describeProviderError(code)).toContain(words);
});

test.each(["", "internal_server_error", "constructor"])("%j has a general text", (code) => {
  expect(describeProviderError(code)).toContain("did not work");
});
