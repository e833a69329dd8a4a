import { expect, test } from "vitest";
import { parseProviders, providerName } from "./use-sign-in-methods";

test("providers without an id are dropped, those without a name are called by their id", () => {
  expect(parseProviders({ providers: [{ id: "google", name: "Google" }, { name: "x" }, null, { id: "school" }] })).toEqual([
    { id: "google", name: "Google" },
    { id: "school", name: "school" },
  ]);
  expect(parseProviders({})).toEqual([]);
  expect(parseProviders(null)).toEqual([]);
});

test("a connected account has a name even when its provider is no longer offered", () => {
  expect(providerName("github", [{ id: "github", name: "GitHub" }])).toBe("GitHub");
  expect(providerName("google", [])).toBe("Google");
  expect(providerName("credential", [])).toBe("Password");
});
