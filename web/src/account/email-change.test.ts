import { expect, test } from "vitest";
import { describeEmailChange } from "./email-change";

const email = "ada@example.org";

test("the first link leaves one step, at the new address", () => {
  const state = describeEmailChange({ email, pending: "new@example.org", error: null });
  expect(state).toMatchObject({ tone: "warning", over: false });
  expect(state.text).toContain("second link to new@example.org");
});

test("the second link ends the change", () => {
  expect(describeEmailChange({ email, pending: "Ada@example.org", error: null })).toEqual({
    tone: "success",
    text: "Done: your e-mail address is now ada@example.org.",
    over: true,
  });
});

test("a device that does not know of the change claims nothing", () => {
  const { text } = describeEmailChange({ email, pending: null, error: null });
  expect(text).toContain(`Your e-mail address is ${email}.`);
});

test("a refused link is told", () => {
  const state = describeEmailChange({ email, pending: "new@example.org", error: "TOKEN_EXPIRED" });
  expect(state).toMatchObject({ tone: "danger", over: false });
  expect(state.text).toContain("expired");
});
