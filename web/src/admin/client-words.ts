import { OPENID } from "../oauth/scopes";
import { CODE_GRANT, isPublic, type Member, type OAuthClient } from "./client-draft";

/** What the form calls the members of an application. */
export const LABELS: Record<Member, string> = {
  client_name: "Name",
  application_type: "Runs",
  token_endpoint_auth_method: "Proves who it is by",
  redirect_uris: "Redirect addresses",
  post_logout_redirect_uris: "Addresses after signing out",
  grant_types: "Ways to get tokens",
  scope: "Scopes",
  client_uri: "Home page",
  logo_uri: "Logo",
  policy_uri: "Privacy policy",
  tos_uri: "Terms of use",
  contacts: "Contacts",
  roles: "Who may use it",
  require_pkce: "Requires PKCE",
  dpop_bound_access_tokens: "Binds access tokens to a key (DPoP)",
  require_pushed_authorization_requests: "Accepts pushed requests only (PAR)",
  skip_consent: "Does not ask people for consent",
  backchannel_logout_uri: "Address for sign-outs (back-channel)",
  jwks: "Public keys (JWK set)",
  jwks_uri: "Address of the public keys",
  resources: "Further resources",
};

type Options = readonly (readonly [string, string])[];

export const APPLICATION_TYPES: Options = [
  ["web", "on a server or in a browser"],
  ["native", "on people's devices"],
];

export const AUTH_METHODS: Options = [
  ["client_secret_basic", "a secret, in the header"],
  ["client_secret_post", "a secret, in the form"],
  ["private_key_jwt", "a signature with its private key"],
  ["none", "nothing: it is public (PKCE)"],
];

export const GRANTS: Options = [
  [CODE_GRANT, "People sign in (authorization code)"],
  ["refresh_token", "It stays connected (refresh token)"],
  ["urn:ietf:params:oauth:grant-type:device_code", "People enter a code (device)"],
  ["client_credentials", "It acts for itself (client credentials)"],
];

/** "public, native" */
export function kindOf(client: OAuthClient): string {
  return `${isPublic(client) ? "public" : "confidential"}, ${client.application_type ?? "web"}`;
}

/** The offered options, and those the application has that the form does not know. */
export function withOthers(options: Options, chosen: readonly string[]): Options {
  const others = chosen.filter((value) => !options.some(([known]) => known === value));
  return [...options, ...others.map((value) => [value, value] as const)];
}

export const scopeOptions = (scopes: readonly string[]): Options =>
  scopes.map((scope) => [scope, scope === OPENID ? `${scope} (sign-in)` : scope] as const);
