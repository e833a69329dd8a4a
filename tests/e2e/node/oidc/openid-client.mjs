// npm openid-client against the real binary: what a relying party of today does.
import assert from 'node:assert/strict';
import { exportJWK, generateKeyPair } from 'jose';
import * as oidc from 'openid-client';
import { AFTER_LOGOUT, Browser, EMAIL, ISSUER, REDIRECT_URI, application, finish, step } from './lib.mjs';

const options = { execute: [oidc.allowInsecureRequests] };

async function discover(client, auth) {
  const method = auth ?? (client.client_secret ? oidc.ClientSecretBasic(client.client_secret) : oidc.None());
  return oidc.discovery(new URL(ISSUER), client.client_id, undefined, method, options);
}

/** Code flow with PKCE, to its tokens. */
async function signIn(config, { browser = new Browser(), scope = 'openid profile email offline_access', parameters = {}, extra, push = false, consent } = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const asked = {
    redirect_uri: REDIRECT_URI,
    scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  };
  const url = push ? await oidc.buildAuthorizationUrlWithPAR(config, asked, extra) : oidc.buildAuthorizationUrl(config, asked);
  const answer = await browser.authorize(url, consent);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: scope.includes('openid') };
  const tokens = await oidc.authorizationCodeGrant(config, answer, checks, undefined, extra);
  return { browser, tokens, answer, verifier };
}

const confidential = await application();

await step('discovery', async () => {
  const config = await discover(confidential);
  const metadata = config.serverMetadata();
  assert.equal(metadata.issuer, ISSUER);
  assert.ok(metadata.supportsPKCE());
});

await step('code flow with PKCE, userinfo, ID token', async () => {
  const { tokens } = await signIn(await discover(confidential));
  const claims = tokens.claims();
  assert.equal(claims.aud, confidential.client_id);
  assert.equal(claims.email, undefined, 'an ID token holds no profile');
  assert.equal(tokens.expires_in, 21600);
  const config = await discover(confidential);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.email, EMAIL);
  assert.equal(info.email_verified, true);
});

await step('a public client', async () => {
  const client = await application({ token_endpoint_auth_method: 'none' });
  const { tokens } = await signIn(await discover(client), { scope: 'openid' });
  assert.equal(tokens.refresh_token, undefined, 'none without offline_access');
});

await step('client_secret_post', async () => {
  const client = await application({ token_endpoint_auth_method: 'client_secret_post' });
  await signIn(await discover(client, oidc.ClientSecretPost(client.client_secret)));
});

await step('private_key_jwt', async () => {
  for (const alg of ['ES256', 'RS256', 'PS256']) {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg, use: 'sig' };
    const client = await application({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } });
    await signIn(await discover(client, oidc.PrivateKeyJwt({ key: privateKey, kid: 'k1' })));
  }
});

await step('refresh, narrowed and with an ID token', async () => {
  const config = await discover(confidential);
  const { tokens } = await signIn(config);
  const again = await oidc.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid' });
  assert.equal(again.claims().sub, tokens.claims().sub);
  assert.equal(again.claims().auth_time, tokens.claims().auth_time);
  assert.equal(again.scope, 'openid');
  assert.notEqual(again.refresh_token, tokens.refresh_token);
  const whole = await oidc.refreshTokenGrant(config, again.refresh_token);
  assert.equal(whole.scope, tokens.scope, 'narrowing once narrows nothing for good');
});

await step('introspection and revocation', async () => {
  const config = await discover(confidential);
  const { tokens } = await signIn(config);
  const told = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.equal(told.active, true);
  assert.equal(told.client_id, confidential.client_id);
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, true);
  await oidc.tokenRevocation(config, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
  let active = true;
  for (let tries = 0; active && tries < 50; tries += 1) {
    ({ active } = await oidc.tokenIntrospection(config, tokens.access_token));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(active, false);
});

await step('pushed requests', async () => {
  const client = await application({ require_pushed_authorization_requests: true });
  const config = await discover(client);
  await signIn(config, { push: true });
  const url = oidc.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'openid' });
  const target = await new Browser().open(url);
  assert.match(target.href, /\/oauth\/error\?error=invalid_request/);
});

await step('DPoP, with and without pushing', async () => {
  const client = await application({ token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true });
  const config = await discover(client);
  for (const push of [false, true]) {
    const handle = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
    const { tokens } = await signIn(config, { extra: { DPoP: handle }, push });
    assert.equal(tokens.token_type, 'dpop');
    const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP: handle });
    assert.equal(info.email, EMAIL);
    const again = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: handle });
    const other = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
    await assert.rejects(oidc.refreshTokenGrant(config, again.refresh_token, undefined, { DPoP: other }));
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP: other }));
  }
});

await step('a device', async () => {
  const grant = 'urn:ietf:params:oauth:grant-type:device_code';
  const client = await application({ token_endpoint_auth_method: 'none', grant_types: [grant, 'refresh_token'] });
  const config = await discover(client);
  const started = await oidc.initiateDeviceAuthorization(config, { scope: 'openid email' });
  const browser = new Browser();
  await browser.signIn();
  const shown = await browser.fetch(`/api/auth/oauth2/device?user_code=${started.user_code}`);
  assert.equal((await shown.json()).client.client_name, 'Learning platform');
  const polled = oidc.pollDeviceAuthorizationGrant(config, started);
  const done = await browser.fetch('/api/auth/oauth2/device', { json: { user_code: started.user_code, accept: true } });
  assert.equal(done.status, 200);
  const tokens = await polled;
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(info.email, EMAIL);
});

await step('client credentials', async () => {
  const client = await application({ grant_types: ['client_credentials'], scope: 'courses:read', redirect_uris: [] });
  const config = await discover(client);
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'courses:read' });
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).sub, client.client_id);
  await assert.rejects(oidc.clientCredentialsGrant(config, { scope: 'openid' }), { error: 'invalid_scope' });
});

await step('signing out', async () => {
  const config = await discover(confidential);
  const { browser, tokens } = await signIn(config);
  const url = oidc.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: AFTER_LOGOUT,
    state: 'bye',
  });
  assert.equal((await browser.open(url)).href, `${AFTER_LOGOUT}?state=bye`);
  assert.equal(await (await browser.fetch('/api/auth/get-session')).json(), null);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
});

await step('people agree to a part, or to nothing', async () => {
  const client = await application();
  const config = await discover(client);
  const { tokens } = await signIn(config, { consent: { scope: 'openid email' } });
  assert.equal(tokens.scope, 'openid email');
  const other = await discover(await application());
  const url = oidc.buildAuthorizationUrl(other, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()),
    code_challenge_method: 'S256',
  });
  const denied = await new Browser().authorize(url, { deny: true });
  assert.equal(denied.searchParams.get('error'), 'access_denied');
  assert.equal(denied.searchParams.get('iss'), ISSUER);
});

finish();
