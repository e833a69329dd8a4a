/** The list of users as `admin.listUsers` is asked for it. */

export const PAGE_SIZE = 20;

export interface UserFilters {
  search: string;
  field: "email" | "name";
  /** Empty: every role. */
  role: string;
}

export const NO_FILTERS: UserFilters = { search: "", field: "email", role: "" };

export function filtersFrom(values: Record<string, string>): UserFilters {
  return { search: values.search ?? "", field: values.field === "name" ? "name" : "email", role: values.role ?? "" };
}

export function userQuery({ search, field, role }: UserFilters, offset: number) {
  return {
    limit: PAGE_SIZE,
    offset,
    sortBy: "createdAt",
    sortDirection: "desc" as const,
    ...(search === "" ? {} : { searchValue: search, searchField: field, searchOperator: "contains" as const }),
    ...(role === "" ? {} : { filterField: "role", filterValue: role, filterOperator: "eq" as const }),
  };
}

/** "21–40 of 57" */
export function rangeText(offset: number, shown: number, total: number): string {
  if (shown === 0) return `0 of ${total}`;
  return `${offset + 1}–${offset + shown} of ${total}`;
}
