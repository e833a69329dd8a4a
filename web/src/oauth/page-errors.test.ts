import { expect, test } from "vitest";
import { describePageError } from "./page-errors";

test.each([
  ["invalid_client", "not registered"],
  ["invalid_redirect_uri", "not registered"],
  ["invalid_request", "start again"],
  ["invalid_id_token_hint", "sign out"],
  ["expired_request", "start again"],
])("%s is said in words", (code, words) => {
  const { text } = describePageError(code);
  expect(text).toContain(words);
  expect(text).not.toContain(code);
});

test("another code is repeated", () => {
  expect(describePageError("server_error").text).toContain("(server_error)");
  expect(describePageError("constructor").text).toContain("(constructor)");
});

test.each([null, "", "Call 555-1234 now", "<b>", "x".repeat(49), "pay_at https://evil.example"])("%j is not", (code) => {
  expect(describePageError(code).text).toBe("Go back to the application and start again.");
});
