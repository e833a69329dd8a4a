import type { Heading } from "../api/types";

/** The titles from the outermost heading down to the one at `anchor`. */
export function headingPath(headings: Heading[], anchor: string): string[] {
  const at = headings.findIndex((heading) => heading.anchor === anchor);
  const path: string[] = [];
  let level = Number.POSITIVE_INFINITY;
  for (const heading of headings.slice(0, at + 1).reverse()) {
    if (heading.level >= level) continue;
    level = heading.level;
    path.unshift(heading.text);
  }
  return path;
}

/** What the table of contents lists: the title is above it, and deeper levels would drown it. */
export function contents(headings: Heading[]): Heading[] {
  return headings.filter(({ level }) => level === 2 || level === 3);
}

/** A list of one heading tells nothing. */
export function hasContents(headings: Heading[]): boolean {
  return contents(headings).length > 1;
}
