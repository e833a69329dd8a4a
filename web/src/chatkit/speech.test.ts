import { expect, test } from "vitest";
import { sentences } from "./speech";

test("an unfinished sentence is not announced", () => {
  expect(sentences("A vector has a length. It also has a dir", false)).toEqual(["A vector has a length."]);
});

test("a full stop that may belong to a number waits for what follows", () => {
  expect(sentences("Pi is 3.", false)).toEqual([]);
  expect(sentences("Pi is 3.14. Yes", false)).toEqual(["Pi is 3.14."]);
});

test("the end of the answer is announced when it is complete", () => {
  expect(sentences("One. Two", true)).toEqual(["One.", "Two"]);
});

test("markup is not read out and code is only mentioned", () => {
  const text = "## Title\n\n- a **bold** [link](/x)\n\n```python\nprint(1)\n```\nDone.\n";
  expect(sentences(text, true)).toEqual(["Title", "a bold link", "Code block.", "Done."]);
});
