import { expect, test } from "vitest";
import { nextPath } from "./next-path";

const next = (value: string) => nextPath(new URLSearchParams({ next: value }));

test("a path of this site is kept with its query and anchor", () => {
  expect(next("/courses/a/lessons/b?x=1#c")).toBe("/courses/a/lessons/b?x=1#c");
});

test.each(["", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"])(
  "%j leads to the courses",
  (value) => expect(next(value)).toBe("/courses"),
);
