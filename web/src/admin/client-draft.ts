import { isObject, stringMember, type JsonObject } from "../lib/json";

/** An application as the auth API has it (RFC 7591, section 2, and our own members). */
export interface OAuthClient {
  client_id: string;
  client_name: string;
  /** Only in the answer that made it. */
  client_secret?: string;
  client_uri?: string;
  logo_uri?: string;
  tos_uri?: string;
  policy_uri?: string;
  contacts?: string[];
  application_type?: string;
  redirect_uris?: string[];
  post_logout_redirect_uris?: string[];
  grant_types?: string[];
  scope?: string;
  token_endpoint_auth_method?: string;
  jwks?: unknown;
  jwks_uri?: string;
  backchannel_logout_uri?: string;
  resources?: string[];
  require_pkce?: boolean;
  dpop_bound_access_tokens?: boolean;
  require_pushed_authorization_requests?: boolean;
  skip_consent?: boolean;
  disabled?: boolean;
  roles?: string[];
  client_id_issued_at?: number;
}

export const TEXTS = [
  "client_name",
  "client_uri",
  "logo_uri",
  "policy_uri",
  "tos_uri",
  "jwks_uri",
  "backchannel_logout_uri",
  "application_type",
  "token_endpoint_auth_method",
] as const;
export const LINES = ["redirect_uris", "post_logout_redirect_uris", "contacts", "resources"] as const;
export const CHOICES = ["grant_types", "roles"] as const;
export const SWITCHES = [
  "require_pkce",
  "dpop_bound_access_tokens",
  "require_pushed_authorization_requests",
  "skip_consent",
] as const;

type Text = (typeof TEXTS)[number];
type Lines = (typeof LINES)[number];
type Choices = (typeof CHOICES)[number];
type Switch = (typeof SWITCHES)[number];

/** What the form holds. Lists of addresses are typed one a line. */
export type ClientDraft = Record<Text | Lines | "jwks", string> &
  Record<Choices | "scope", string[]> &
  Record<Switch, boolean>;
export type Member = keyof ClientDraft;
export type MemberErrors = Partial<Record<Member, string>>;

export const CODE_GRANT = "authorization_code";

export const NEW_CLIENT: OAuthClient = {
  client_id: "",
  client_name: "",
  application_type: "web",
  grant_types: [CODE_GRANT, "refresh_token"],
  scope: "openid profile email offline_access",
  token_endpoint_auth_method: "client_secret_basic",
  require_pkce: true,
};

export const isPublic = (client: Pick<OAuthClient, "token_endpoint_auth_method">) =>
  client.token_endpoint_auth_method === "none";

export const hasSecret = ({ token_endpoint_auth_method: method }: OAuthClient) =>
  method === undefined || method.startsWith("client_secret_");

export function draftOf(client: OAuthClient): ClientDraft {
  const texts = TEXTS.map((name) => [name, client[name] ?? ""] as const);
  const lines = LINES.map((name) => [name, (client[name] ?? []).join("\n")] as const);
  const choices = CHOICES.map((name) => [name, client[name] ?? []] as const);
  const switches = SWITCHES.map((name) => [name, client[name] ?? false] as const);
  return {
    ...(Object.fromEntries([...texts, ...lines, ...choices, ...switches]) as unknown as ClientDraft),
    scope: words(client.scope ?? ""),
    jwks: isObject(client.jwks) ? JSON.stringify(client.jwks, null, 2) : "",
  };
}

/** What the form can tell by itself; the server's word is final. */
export function checkDraft(draft: ClientDraft): MemberErrors {
  const errors: MemberErrors = {};
  if (draft.client_name.trim() === "") errors.client_name = "Enter the name that people are to see.";
  if (draft.grant_types.length === 0) errors.grant_types = "Choose at least one.";
  if (draft.scope.length === 0) errors.scope = "Choose at least one.";
  if (draft.grant_types.includes(CODE_GRANT) && linesOf(draft.redirect_uris).length === 0) {
    errors.redirect_uris = "Enter at least one address.";
  }
  if (draft.jwks.trim() !== "" && keysOf(draft.jwks) === null) errors.jwks = "This is no key set in JSON.";
  return errors;
}

/** The members of a request; null stands for one that there is not. */
export function metadataOf(draft: ClientDraft): JsonObject {
  const texts = TEXTS.map((name) => [name, draft[name].trim() === "" ? null : draft[name].trim()] as const);
  const lines = LINES.map((name) => [name, linesOf(draft[name])] as const);
  const rest = [...CHOICES, ...SWITCHES].map((name) => [name, draft[name]] as const);
  const members: JsonObject = Object.fromEntries<unknown>([...texts, ...lines, ...rest]);
  return {
    ...members,
    // Public applications have nothing else to prove themselves by.
    require_pkce: draft.require_pkce || isPublic(draft),
    response_types: draft.grant_types.includes(CODE_GRANT) ? ["code"] : [],
    scope: draft.scope.join(" "),
    jwks: draft.jwks.trim() === "" ? null : keysOf(draft.jwks),
  };
}

/** Words by which the server means a member that it does not name. */
const MEANT: Record<string, Member> = { client_credentials: "grant_types", private_key_jwt: "token_endpoint_auth_method" };

/** Which field a refusal is about: the server names the member in its message. */
export function memberErrors(error: unknown, labels: Record<Member, string>): MemberErrors {
  const message = isObject(error) ? stringMember(error, "message") : null;
  if (message === null) return {};
  for (const word of message.match(/[a-z_]+/g) ?? []) {
    const meant = Object.hasOwn(MEANT, word) ? MEANT[word] : undefined;
    if (meant !== undefined) return { [meant]: sentence(message) };
    if (!Object.hasOwn(labels, word)) continue;
    const member = word as Member;
    const told = message.startsWith(word) ? labels[member] + message.slice(word.length) : message;
    return { [member]: sentence(told) };
  }
  return {};
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function keysOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && Array.isArray(value.keys) ? value : null;
  } catch {
    return null;
  }
}
