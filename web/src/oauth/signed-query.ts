/**
 * An application's request, as the server hands it to our pages: its parameters and a signature over
 * them. Pages give it back whole; what they read of it they only show, or fill into a form.
 */

/** Added behind the signature by a service that refused to sign someone in. */
const REPORTED = new Set(["error", "error_description"]);

interface Part {
  name: string;
  text: string;
}

/** The signed query in `location.search`, letter by letter; null when nothing there is signed. */
export function signedQuery(search: string): string | null {
  const parts = partsOf(search);
  const signature = parts.findIndex(({ name, text }) => name === "sig" && text.length > "sig=".length);
  if (signature === -1) return null;
  const kept = parts.filter(({ name }, place) => place < signature || !REPORTED.has(name));
  return kept.map(({ text }) => text).join("&");
}

/** What a service reports as `?error=` beside a signed query; an `error` that was signed is not it. */
export function reportedError(search: string): string | null {
  const query = signedQuery(search);
  if (query === null) return new URLSearchParams(search).get("error");
  return new URLSearchParams(search).getAll("error").at(new URLSearchParams(query).getAll("error").length) ?? null;
}

/** A parameter of the request, to be shown or filled in; never to be gone to. */
export function parameter(query: string, name: string): string | null {
  const value = new URLSearchParams(query).get(name);
  return value === "" ? null : value;
}

/** The address that the application names its user by, where it is one. */
export function hintedEmail(query: string | null): string {
  const hint = query === null ? null : parameter(query, "login_hint");
  return hint !== null && hint.length <= 320 && /^[^\s@]+@[^\s@]+$/.test(hint) ? hint : "";
}

/** Where the server goes on with the request once someone has signed in. */
export function resumePath(query: string): string {
  return `/api/auth/oauth2/authorize?${query}`;
}

function partsOf(search: string): Part[] {
  const query = search.startsWith("?") ? search.slice(1) : search;
  return query.split("&").map((text) => ({ name: nameOf(text), text }));
}

function nameOf(part: string): string {
  const [name] = [...new URLSearchParams(part).keys()];
  return name ?? "";
}
