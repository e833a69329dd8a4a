/** What an application may be allowed, in words for the person who is asked. */

export interface ScopeWords {
  title: string;
  detail: string;
}

export const OPENID = "openid";

const WORDS: Record<string, ScopeWords> = {
  openid: { title: "Recognise you", detail: "An ID that stands for your account here. It does not say who you are." },
  profile: { title: "See your name and picture", detail: "As they stand under Account." },
  email: { title: "See your e-mail address", detail: "And whether it is verified." },
  address: { title: "See your postal address", detail: "If there is one in your account." },
  phone: { title: "See your phone number", detail: "If there is one in your account." },
  offline_access: { title: "Keep this access", detail: "Also while you do not use it, until you withdraw it under Account." },
  "courses:read": { title: "See your courses", detail: "Which ones you take, their lessons and your progress." },
  "courses:write": { title: "Change your courses", detail: "Enrol you, and mark lessons as completed." },
  "tutor:chat": { title: "Use the tutor for you", detail: "Read and write your conversations; its questions count as yours." },
};

/** The scopes there are, as the server has them (services/session/src/domain/oauth/scope.rs). */
export const SCOPES = Object.keys(WORDS);

/** One that the app does not know is called by its name. */
export function describeScope(scope: string): ScopeWords {
  return (Object.hasOwn(WORDS, scope) ? WORDS[scope] : undefined) ?? { title: scope, detail: "This page has no words for it." };
}

/** "Recognise you, see your e-mail address" */
export function listScopes(scopes: readonly string[]): string {
  const titles = scopes.map((scope) => describeScope(scope).title);
  return titles.map((title, place) => (place === 0 ? title : title.charAt(0).toLowerCase() + title.slice(1))).join(", ");
}

/** Everything that was asked for and not unticked; being recognised is what signing in means. */
export function agreedScopes(asked: readonly string[], unticked: ReadonlySet<string>): string[] {
  return asked.filter((scope) => scope === OPENID || !unticked.has(scope));
}
