import { expect, test } from "vitest";
import { filtersFrom, NO_FILTERS, rangeText, userQuery } from "./user-query";

test("filters that are empty are not sent", () => {
  expect(userQuery(NO_FILTERS, 0)).toEqual({ limit: 20, offset: 0, sortBy: "createdAt", sortDirection: "desc" });
});

test("a search and a role are sent together, with the page", () => {
  expect(userQuery(filtersFrom({ search: "ada", field: "name", role: "instructor" }), 40)).toMatchObject({
    offset: 40,
    searchValue: "ada",
    searchField: "name",
    searchOperator: "contains",
    filterField: "role",
    filterValue: "instructor",
    filterOperator: "eq",
  });
});

test("an unknown field to search in is the e-mail address", () => {
  expect(filtersFrom({ search: "x" }).field).toBe("email");
});

test("the range of a page reads as numbers of users", () => {
  expect(rangeText(20, 20, 57)).toBe("21–40 of 57");
  expect(rangeText(40, 17, 57)).toBe("41–57 of 57");
  expect(rangeText(0, 0, 0)).toBe("0 of 0");
});
