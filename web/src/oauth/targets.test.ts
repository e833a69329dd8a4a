import { expect, test } from "vitest";
import { mayLeaveFor, webAddress } from "./targets";

test.each(["https://lms.example/cb?code=x", "http://127.0.0.1:49152/cb", "com.example.app:/cb?code=x", "/signed-out"])(
  "the page may leave for %s",
  (url) => expect(mayLeaveFor(url)).toBe(true),
);

test.each(["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "blob:https://x/y", "https://"])(
  "but not for %j",
  (url) => expect(mayLeaveFor(url)).toBe(false),
);

test("only web pages are linked to", () => {
  expect(webAddress("https://lms.example/privacy")).toBe("https://lms.example/privacy");
  expect(webAddress("javascript:alert(1)")).toBeNull();
  expect(webAddress("/privacy")).toBeNull();
  expect(webAddress(undefined)).toBeNull();
});
