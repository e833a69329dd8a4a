/** Where to go after signing in: a path of this site, never another origin. */
export function nextPath(search: URLSearchParams): string {
  const next = search.get("next") ?? "";
  return /^\/(?![/\\])/.test(next) ? next : "/courses";
}
