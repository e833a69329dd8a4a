import { expect, test } from "vitest";
import { contents, headingPath } from "./headings";

const headings = [
  { level: 1, text: "Vectors", anchor: "vectors" },
  { level: 2, text: "Length", anchor: "length" },
  { level: 3, text: "Proof", anchor: "proof" },
  { level: 2, text: "Angles", anchor: "angles" },
  { level: 4, text: "Aside", anchor: "aside" },
];

test("the path names each enclosing heading once", () => {
  expect(headingPath(headings, "proof")).toEqual(["Vectors", "Length", "Proof"]);
  expect(headingPath(headings, "aside")).toEqual(["Vectors", "Angles", "Aside"]);
});

test("an unknown anchor has no path", () => {
  expect(headingPath(headings, "nowhere")).toEqual([]);
  expect(headingPath(headings, "")).toEqual([]);
});

test("the table of contents leaves out the title and deep levels", () => {
  expect(contents(headings).map(({ anchor }) => anchor)).toEqual(["length", "proof", "angles"]);
});
