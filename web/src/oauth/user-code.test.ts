import { expect, test } from "vitest";
import { codeFromAddress, parseUserCode } from "./user-code";

test.each(["BCDF-GHJK", "bcdf-ghjk", "bcdfghjk", " b c d f g h j k ", "BCDF–GHJK", "BCDF GHJK", "ＢＣＤＦ－ＧＨＪＫ"])(
  "%j is the code BCDF-GHJK",
  (typed) => expect(parseUserCode(typed)).toEqual({ ok: true, code: "BCDF-GHJK" }),
);

test.each([
  ["", "Enter the code"],
  [" - ", "Enter the code"],
  ["BCDF-GHJ", "these are 7"],
  ["BCDF-GHJKL", "these are 9"],
  ["BCDF-GHJ0", "no 0 in"],
  ["ABCD-EFGH", "no A, E in"],
  ["ßßßß", "no ß in"],
])("%j is not: %s", (typed, words) => {
  const parsed = parseUserCode(typed);
  expect(parsed.ok ? "" : parsed.problem).toContain(words);
});

test("an address fills in a whole code or nothing", () => {
  expect(codeFromAddress(new URLSearchParams("user_code=bcdfghjk"))).toBe("BCDF-GHJK");
  expect(codeFromAddress(new URLSearchParams("user_code=hello"))).toBe("");
  expect(codeFromAddress(new URLSearchParams())).toBe("");
});
