import { expect, test } from "vitest";
import { describeRules, missingRules } from "./password";

test("every broken rule is named", () => {
  expect(missingRules("")).toEqual(["length", "lowercase", "uppercase", "digit", "special"]);
  expect(missingRules("abcdefghijkl")).toEqual(["uppercase", "digit", "special"]);
  expect(missingRules("abcdefghijK1")).toEqual(["special"]);
  expect(missingRules("Ab1")).toEqual(["length", "special"]);
});

test("a password that keeps all rules misses none", () => {
  expect(missingRules("Correct-horse-7")).toEqual([]);
  expect(missingRules("Correct horse 7")).toEqual([]);
});

test("missing rules read as a sentence", () => {
  expect(describeRules(["uppercase", "digit", "special"])).toBe(
    "an upper-case letter, a digit and a special character, such as ! or -",
  );
  expect(describeRules(["length"])).toBe("at least 12 characters");
});
