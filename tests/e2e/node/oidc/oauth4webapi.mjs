// npm oauth4webapi, which checks every answer against the specifications, against the real binary.
import assert from 'node:assert/strict';
import * as oauth from 'oauth4webapi';
import { Browser, EMAIL, ISSUER, REDIRECT_URI, application, finish, step } from './lib.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(ISSUER);
const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...insecure });
const as = await oauth.processDiscoveryResponse(issuer, discovered);

async function flow({ metadata, authentication, DPoP, scope = 'openid profile email offline_access', parameters = {}, method = 'GET' }) {
  const { client_id, client_secret } = await application(metadata);
  const client = { client_id };
  const auth = authentication?.(client_secret) ?? oauth.ClientSecretBasic(client_secret);
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const asked = {
    client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  };
  const browser = new Browser();
  let first = new URL(`${as.authorization_endpoint}?${new URLSearchParams(asked)}`);
  if (method === 'POST') {
    first = await browser.open(as.authorization_endpoint, { form: asked });
  }
  const answer = await browser.authorize(first);
  const checked = oauth.validateAuthResponse(as, client, answer, state);
  const request = await oauth.authorizationCodeGrantRequest(as, client, auth, checked, REDIRECT_URI, verifier, { DPoP, ...insecure });
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, request, { expectedNonce: nonce, requireIdToken: true });
  return { client, auth, tokens, browser, checked, verifier };
}

await step('RFC 8414 metadata is the same', async () => {
  const answer = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure });
  assert.deepEqual(await oauth.processDiscoveryResponse(issuer, answer), as);
});

await step('code, userinfo, refresh, introspection, revocation', async () => {
  const { client, auth, tokens } = await flow({});
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  const info = await oauth.userInfoRequest(as, client, tokens.access_token, insecure);
  assert.equal((await oauth.processUserInfoResponse(as, client, claims.sub, info)).email, EMAIL);
  const refreshed = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, insecure);
  const again = await oauth.processRefreshTokenResponse(as, client, refreshed);
  const asked = await oauth.introspectionRequest(as, client, auth, again.access_token, insecure);
  assert.equal((await oauth.processIntrospectionResponse(as, client, asked)).active, true);
  const revoked = await oauth.revocationRequest(as, client, auth, again.access_token, insecure);
  await oauth.processRevocationResponse(revoked);
  const gone = await oauth.refreshTokenGrantRequest(as, client, auth, again.refresh_token, insecure);
  await assert.rejects(oauth.processRefreshTokenResponse(as, client, gone), { error: 'invalid_grant' });
});

await step('JWT access tokens are those of RFC 9068', async () => {
  const { tokens } = await flow({});
  const request = new Request('https://api.example/', { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const { origin } = new URL(ISSUER);
  const claims = await oauth.validateJwtAccessToken(as, request, origin, insecure);
  assert.ok(claims.client_id && claims.jti && claims.scope);
});

await step('signatures of ID tokens, over the key set', async () => {
  const { tokens, client, auth } = await flow({});
  const request = await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, insecure);
  await oauth.processRefreshTokenResponse(as, client, request);
  await oauth.validateApplicationLevelSignature(as, request, insecure);
});

await step('a request that is posted', async () => {
  await flow({ method: 'POST' });
});

await step('DPoP', async () => {
  const client = { client_id: 'any' };
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const metadata = { token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true };
  const bound = await flow({ metadata, authentication: () => oauth.None(), DPoP });
  assert.equal(bound.tokens.token_type, 'dpop');
  const info = await oauth.userInfoRequest(as, bound.client, bound.tokens.access_token, { DPoP, ...insecure });
  const { sub } = oauth.getValidatedIdTokenClaims(bound.tokens);
  assert.equal((await oauth.processUserInfoResponse(as, bound.client, sub, info)).email, EMAIL);
});

await step('max_age and the time of the sign-in', async () => {
  const { client_id, client_secret } = await application({ default_max_age: undefined });
  const client = { client_id };
  const verifier = oauth.generateRandomCodeVerifier();
  const asked = new URLSearchParams({
    client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: 'openid',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    max_age: '100',
  });
  const answer = await new Browser().authorize(`${as.authorization_endpoint}?${asked}`);
  const checked = oauth.validateAuthResponse(as, client, answer);
  const auth = oauth.ClientSecretBasic(client_secret);
  const request = await oauth.authorizationCodeGrantRequest(as, client, auth, checked, REDIRECT_URI, verifier, insecure);
  await oauth.processAuthorizationCodeResponse(as, client, request, { maxAge: 100, requireIdToken: true });
});


finish();
