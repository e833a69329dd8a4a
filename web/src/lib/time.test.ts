import { expect, test } from "vitest";
import { clockTime, inWords } from "./time";

const now = new Date(2026, 10, 23, 14, 0, 0);
const after = (ms: number) => new Date(now.getTime() + ms);

test("a time of today is shown without its day", () => {
  expect(clockTime(new Date(2026, 10, 23, 14, 32), now, "en-GB")).toBe("14:32");
});

test("a time of another day names the day", () => {
  expect(clockTime(new Date(2026, 10, 24, 9, 5), now, "en-GB")).toMatch(/^Tue,? 24 Nov, 0?9:05$/);
});

test("waiting time is rounded up", () => {
  expect(inWords(after(-1), now)).toBe("now");
  expect(inWords(after(30_000), now)).toBe("in less than a minute");
  expect(inWords(after(26 * 60_000 + 1), now)).toBe("in 27 min");
  expect(inWords(after(60 * 60_000), now)).toBe("in 60 min");
  expect(inWords(after(119.5 * 60_000), now)).toBe("in 2 h");
  expect(inWords(after(61 * 60_000), now)).toBe("in 1 h 1 min");
});
