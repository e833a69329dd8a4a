import { expect, test } from "vitest";
import { checkDraft, draftOf, memberErrors, metadataOf, NEW_CLIENT, type OAuthClient } from "./client-draft";
import { LABELS, withOthers } from "./client-words";

const lms: OAuthClient = {
  client_id: "lms",
  client_name: "School LMS",
  redirect_uris: ["https://lms.example/cb", "https://lms.example/cb2"],
  grant_types: ["authorization_code"],
  scope: "openid  email",
  token_endpoint_auth_method: "private_key_jwt",
  jwks: { keys: [] },
  require_pkce: true,
};

test("what an application has goes through the form unchanged", () => {
  expect(metadataOf(draftOf(lms))).toMatchObject({
    client_name: "School LMS",
    redirect_uris: lms.redirect_uris,
    grant_types: lms.grant_types,
    response_types: ["code"],
    scope: "openid email",
    jwks: lms.jwks,
    require_pkce: true,
    skip_consent: false,
    roles: [],
  });
});

test("what is emptied is removed, and not sent as an empty text", () => {
  const draft = { ...draftOf({ ...lms, client_uri: "https://lms.example" }), client_uri: " ", jwks: "" };
  expect(metadataOf(draft)).toMatchObject({ client_uri: null, jwks: null });
});

test("lists are one address a line", () => {
  const draft = { ...draftOf(lms), redirect_uris: " https://a.example/cb \n\nhttps://b.example/cb\n" };
  expect(metadataOf(draft).redirect_uris).toEqual(["https://a.example/cb", "https://b.example/cb"]);
});

test("a public application has PKCE, and one without people no response type", () => {
  expect(metadataOf({ ...draftOf(lms), token_endpoint_auth_method: "none", require_pkce: false }).require_pkce).toBe(true);
  expect(metadataOf({ ...draftOf(lms), grant_types: ["client_credentials"] }).response_types).toEqual([]);
});

test("what is missing is told before it is sent", () => {
  expect(Object.keys(checkDraft(draftOf(NEW_CLIENT)))).toEqual(["client_name", "redirect_uris"]);
  expect(checkDraft(draftOf(lms))).toEqual({});
  expect(checkDraft({ ...draftOf(lms), grant_types: ["client_credentials"], redirect_uris: "" })).toEqual({});
  expect(checkDraft({ ...draftOf(lms), jwks: "{" }).jwks).toContain("JSON");
  expect(checkDraft({ ...draftOf(lms), jwks: "[]" }).jwks).toContain("JSON");
});

test.each([
  ["redirect_uris, number 2, holds a fragment", { redirect_uris: "Redirect addresses, number 2, holds a fragment." }],
  ["post_logout_redirect_uris holds more than 20", { post_logout_redirect_uris: "Addresses after signing out holds more than 20." }],
  ["client_credentials is for clients that prove who they are", { grant_types: "client_credentials is for clients that prove who they are." }],
  ["private_key_jwt needs jwks or jwks_uri", { token_endpoint_auth_method: "private_key_jwt needs jwks or jwks_uri." }],
  ["The member jwks_uri is wrong", { jwks_uri: "The member jwks_uri is wrong." }],
  ["unknown variant, expected one of toString", {}],
])("%j is shown by its field", (message, errors) => {
  expect(memberErrors({ status: 400, message }, LABELS)).toEqual(errors);
});

test("a refusal without a message is about no field", () => {
  expect(memberErrors({ status: 500 }, LABELS)).toEqual({});
  expect(memberErrors(null, LABELS)).toEqual({});
});

test("values that the form does not know are kept", () => {
  expect(withOthers([["a", "A"]], ["a", "urn:x"])).toEqual([
    ["a", "A"],
    ["urn:x", "urn:x"],
  ]);
});
