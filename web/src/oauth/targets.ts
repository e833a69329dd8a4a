/** Schemes that a browser acts on by itself instead of leaving for somewhere. */
const FORBIDDEN = new Set(["javascript:", "data:", "vbscript:", "blob:", "file:", "about:"]);

/** May the page go to what the server has answered? Applications have schemes of their own. */
export function mayLeaveFor(url: string): boolean {
  const parsed = parse(url, "https://page.invalid/");
  return parsed !== null && !FORBIDDEN.has(parsed.protocol);
}

/** An address that an application has given for people to read; null when it is no web page. */
export function webAddress(url: string | undefined): string | null {
  const parsed = url === undefined ? null : parse(url);
  return parsed !== null && (parsed.protocol === "https:" || parsed.protocol === "http:") ? parsed.href : null;
}

function parse(url: string, base?: string): URL | null {
  try {
    return new URL(url, base);
  } catch {
    return null;
  }
}
