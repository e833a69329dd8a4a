import { expect, test } from "vitest";
import { applicationName, initialOf } from "./application";

test("a name reads in one direction and is never empty", () => {
  expect(applicationName({ client_id: "a1", client_name: " School LMS " })).toBe("School LMS");
  expect(applicationName({ client_id: "a1", client_name: "\u202eSML" })).toBe("SML");
  expect(applicationName({ client_id: "a1", client_name: "\u200f" })).toBe("a1");
});

test("an initial is a letter where there is one", () => {
  expect(initialOf("école")).toBe("É");
  expect(initialOf("“LMS”")).toBe("L");
  expect(initialOf("🎓")).toBe("🎓");
  expect(initialOf("")).toBe("?");
});
