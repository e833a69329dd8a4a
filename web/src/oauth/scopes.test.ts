import { expect, test } from "vitest";
import { agreedScopes, describeScope, listScopes, SCOPES } from "./scopes";

test("every known scope has words of its own", () => {
  const titles = SCOPES.map((scope) => describeScope(scope).title);
  expect(new Set(titles).size).toBe(SCOPES.length);
  expect(SCOPES).toContain("tutor:chat");
});

test.each(["grades:write", "constructor"])("%j is called by its name", (scope) => {
  expect(describeScope(scope).title).toBe(scope);
});

test("several read as one sentence", () => {
  expect(listScopes(["openid", "email"])).toBe("Recognise you, see your e-mail address");
  expect(listScopes([])).toBe("");
});

test("what is unticked is not agreed to, and openid cannot be unticked", () => {
  expect(agreedScopes(["openid", "profile", "email"], new Set(["openid", "email"]))).toEqual(["openid", "profile"]);
  expect(agreedScopes(["email"], new Set(["email"]))).toEqual([]);
});
