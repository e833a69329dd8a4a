// Access tokens, and the session as a bearer token.
import assert from 'node:assert/strict';
import { createLocalJWKSet, jwtVerify } from 'jose';
import {
  BASE,
  BASE_URL,
  OLD_CLIENT,
  OURS,
  PASSWORD,
  anotherDevice,
  assertError,
  assertKeys,
  assertUser,
  bearerSession,
  device,
  finish,
  ok,
  person,
  step,
} from './lib.mjs';

const keys = async () => (await ok(device().client.jwks())).data;

async function verified(token) {
  return jwtVerify(token, createLocalJWKSet(await keys()), {
    issuer: OURS.issuer,
    audience: BASE_URL,
    algorithms: ['RS256'],
  });
}

const plain = async (path, headers) => {
  const answer = await fetch(`${BASE}${path}`, { headers });
  return { status: answer.status, headers: answer.headers, body: await answer.json().catch(() => null) };
};

await step('token answers a JWT of the person that the keys verify', async () => {
  const { at, client, id, email } = await person();
  const { data } = await ok(client.token());
  assertKeys(data, ['token']);
  const { payload, protectedHeader } = await verified(data.token);
  assert.deepEqual([protectedHeader.alg, typeof protectedHeader.kid], ['RS256', 'string']);
  assert.equal(payload.sub, id);
  assert.equal(payload.exp - payload.iat, 6 * 3600);
  assert.ok(Math.abs(payload.iat - Date.now() / 1000) < 60);
  const { user } = await at.signedIn();
  assert.deepEqual([payload.email, payload.name, payload.role], [email, user.name, 'student']);
  const secrets = JSON.stringify(payload);
  for (const [name, { value }] of at.cookies)
    assert.ok(!secrets.includes(value.split('.')[0]), `${name} is not in the token`);
});

await step('without a session there is no token', async () => {
  const { error } = await device().client.token();
  assert.equal(error.status, 401);
  const { at, client } = await person();
  const thief = at.copy();
  await ok(client.signOut());
  assert.equal((await thief.client.token()).error.status, 401);
});

await step('the keys are public and only that', async () => {
  await (await person()).client.token();
  const { status, body } = await plain('/jwks');
  assert.equal(status, 200);
  assertKeys(body, ['keys']);
  for (const key of body.keys) {
    assertKeys(key, ['alg', 'kty', 'n', 'e', 'kid'], ['use', 'key_ops']);
    assert.deepEqual([key.alg, key.kty], ['RS256', 'RSA']);
    assert.ok(Buffer.from(key.n, 'base64url').length >= 256, 'at least 2048 bits');
  }
});

await step('a changed token is not verified', async () => {
  const { client } = await person();
  const [head, claims, signature] = (await ok(client.token())).data.token.split('.');
  const forged = { ...JSON.parse(Buffer.from(claims, 'base64url')), role: 'admin' };
  const token = [head, Buffer.from(JSON.stringify(forged)).toString('base64url'), signature].join('.');
  await assert.rejects(verified(token));
});

await step('get-session has the token in a header', async () => {
  const { at } = await person();
  const { headers } = await at.http('/get-session');
  const { payload } = await verified(headers.get('set-auth-jwt'));
  assert.equal(payload.sub, (await at.signedIn()).user.id);
  assert.match(headers.get('access-control-expose-headers') ?? '', /set-auth-jwt/i);
  assert.equal((await device().http('/get-session')).headers.get('set-auth-jwt'), null);
});

await step('who signs in gets the session as a bearer token', async () => {
  const { email, id } = await person();
  const { at, token } = await anotherDevice({ email, password: PASSWORD });
  const bearer = at.answer.headers.get('set-auth-token');
  assert.ok(bearer.startsWith(`${token}.`));
  assert.match(bearer.slice(token.length + 1), /^[A-Za-z0-9+/]{43}=$/);
  assert.match(at.answer.headers.get('access-control-expose-headers') ?? '', /set-auth-token/i);
  for (const shape of [bearer, encodeURIComponent(bearer), token]) {
    const { session, user } = await bearerSession(shape);
    assert.deepEqual([session.token, user.id], [token, id], shape);
  }
  const forged = `${token}.${'A'.repeat(43)}=`;
  assert.equal(await bearerSession(forged), null, 'another signature');
  assert.equal(await bearerSession('nonsense'), null);
});

await step('a bearer token works wherever a session does, without an origin', async () => {
  const { at, client } = await person();
  const bearer = (await ok(client.getSession())).data.session.token;
  const headers = { authorization: `Bearer ${bearer}` };
  const { status, body } = await plain('/token', headers);
  assert.equal(status, 200);
  await verified(body.token);
  const renamed = await fetch(`${BASE}/update-user`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Program' }),
  });
  assert.equal(renamed.status, 200);
  assertUser((await at.signedIn()).user, { name: 'Program' });
  await fetch(`${BASE}/sign-out`, { method: 'POST', headers });
  assert.equal(await bearerSession(bearer), null);
  assert.equal(await at.signedIn(), null);
});

await step('the bearer token is stronger than the cookie', async () => {
  const [one, two] = [await person(), await person()];
  const { body } = await one.at.http('/get-session', { headers: { authorization: `Bearer ${two.token}` } });
  assert.equal(body.user.id, two.id);
});

await step('an access token is no session', async () => {
  const { client } = await person();
  const { token } = (await ok(client.token())).data;
  assert.equal(await bearerSession(token), null);
});

await step('the client may be given the token as its authorization', async () => {
  const { token, id } = await person();
  const { client } = device();
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await ok(client.getSession({ fetchOptions: { headers } }))).data.user.id, id);
  assertError(await client.updateUser({ name: 'X' }), 401, 'UNAUTHORIZED');
  await ok(client.updateUser({ name: 'X', fetchOptions: { headers } }));
});

if (!OLD_CLIENT) {
  await step('a refusal of token has a code', async () => {
    assertError(await device().client.token(), 401, 'UNAUTHORIZED');
  });
}

finish();
