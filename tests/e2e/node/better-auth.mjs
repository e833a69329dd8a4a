// The official client of Better-Auth against the running gateway: shapes, revived dates, error codes.
import assert from 'node:assert/strict';
import { createAuthClient } from 'better-auth/client';
import { jwtClient } from 'better-auth/client/plugins';

const { BASE_URL, EMAIL, PASSWORD } = process.env;

// Node keeps no cookies; a browser would, and would send its origin.
function jar() {
  const cookies = new Map();
  return {
    cookies,
    async fetch(input, init = {}) {
      const headers = new Headers(init.headers);
      headers.set('origin', BASE_URL);
      if (cookies.size > 0) headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
      const answer = await fetch(input, { ...init, headers });
      for (const line of answer.headers.getSetCookie()) {
        const [pair, ...attributes] = line.split(';').map((part) => part.trim());
        const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
        if (value === '' || attributes.some((attribute) => attribute.toLowerCase() === 'max-age=0')) cookies.delete(name);
        else cookies.set(name, value);
      }
      return answer;
    },
  };
}

function newClient() {
  const cookieJar = jar();
  const client = createAuthClient({
    baseURL: BASE_URL,
    plugins: [jwtClient()],
    fetchOptions: { customFetchImpl: cookieJar.fetch },
  });
  return { client, cookies: cookieJar.cookies };
}

const ID = /^[A-Za-z0-9]{32}$/;

function assertUser(user) {
  assert.match(user.id, ID);
  assert.equal(user.email, EMAIL);
  assert.equal(user.name, 'Grace');
  assert.equal(user.emailVerified, false);
  assert.equal(user.role, 'student');
  assert.equal(user.image, null);
  assertRecent(user.createdAt);
  assertRecent(user.updatedAt);
}

function assertRecent(date) {
  assert.ok(date instanceof Date, `${date} is revived as a Date`);
  assert.ok(Math.abs(Date.now() - date) < 10 * 60_000, `${date} is now`);
}

function assertError(error, status, code) {
  assert.ok(error, 'an error');
  assert.deepEqual([error.status, error.code], [status, code]);
  assert.equal(typeof error.message, 'string');
  assert.notEqual(error.message, '');
}

const { client, cookies } = newClient();

assert.equal((await client.getSession()).data, null, 'nobody is signed in');

// Sign-up
const weak = await client.signUp.email({ name: 'Grace', email: EMAIL, password: 'short' });
assertError(weak.error, 400, 'PASSWORD_TOO_WEAK');
assert.deepEqual(weak.error.missing, ['length', 'uppercase', 'digit', 'special']);
assertError((await client.signUp.email({ name: 'Grace', email: 'nobody', password: PASSWORD })).error, 400, 'INVALID_EMAIL');
const signedUp = await client.signUp.email({ name: 'Grace', email: EMAIL.toUpperCase(), password: PASSWORD, callbackURL: '/verified' });
assert.equal(signedUp.error, null, JSON.stringify(signedUp.error));
assert.match(signedUp.data.token, ID);
assertUser(signedUp.data.user);
assert.ok(cookies.has('better-auth.session_token'));
const again = await newClient().client.signUp.email({ name: 'Grace', email: EMAIL, password: PASSWORD });
assertError(again.error, 422, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL');

// Session
const session = await client.getSession();
assertUser(session.data.user);
assert.match(session.data.session.id, ID);
assert.equal(session.data.session.token, signedUp.data.token);
assert.equal(session.data.session.userId, session.data.user.id);
assert.equal(typeof session.data.session.ipAddress, 'string');
assert.equal(typeof session.data.session.userAgent, 'string');
assertRecent(session.data.session.createdAt);
const lifetime = session.data.session.expiresAt - session.data.session.createdAt;
assert.ok(Math.abs(lifetime - 604_800_000) < 60_000, `a session of seven days, not ${lifetime} ms`);

// Access token
const token = await client.token();
assert.equal(token.error, null, JSON.stringify(token.error));
const [head, claims] = token.data.token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
assert.equal(head.alg, 'RS256');
assert.equal(claims.sub, session.data.user.id);
assert.equal(claims.exp - claims.iat, 6 * 3600);
const jwks = await client.jwks();
assert.ok(jwks.data.keys.some((key) => key.kid === head.kid && key.alg === 'RS256' && key.d === undefined));

// A second device, then sign-out of the first only.
const second = newClient();
const signedIn = await second.client.signIn.email({ email: EMAIL, password: PASSWORD });
assert.equal(signedIn.error, null, JSON.stringify(signedIn.error));
assert.equal(signedIn.data.redirect, false);
assertUser(signedIn.data.user);
assert.notEqual(signedIn.data.token, signedUp.data.token);
const stolen = new Map(cookies);
assert.deepEqual((await client.signOut()).data, { success: true });
assert.deepEqual([...cookies.keys()], ['better-auth.known_device'], 'sign-out expires all but the device');
assert.equal((await client.getSession()).data, null);
assert.equal((await second.client.getSession()).data.user.email, EMAIL);
const thief = newClient();
for (const [name, value] of stolen) thief.cookies.set(name, value);
assert.equal((await thief.client.getSession()).data, null, 'a revoked session stays revoked');
assertError((await client.token()).error, 401, 'UNAUTHORIZED');
assert.deepEqual((await client.signOut()).data, { success: true }, 'signing out twice is fine');

// Verification mail
assert.deepEqual((await second.client.sendVerificationEmail({ email: EMAIL, callbackURL: '/verified' })).data, { status: true });
assertError(
  (await second.client.sendVerificationEmail({ email: EMAIL, callbackURL: 'https://evil.example' })).error,
  403,
  'INVALID_CALLBACK_URL',
);
assertError((await second.client.verifyEmail({ query: { token: 'nonsense' } })).error, 401, 'INVALID_TOKEN');

// Wrong passwords, then the lock. An address without an account answers the same.
for (const email of [EMAIL, `nobody-${EMAIL}`]) {
  const guesser = newClient().client;
  for (let guess = 1; guess <= 5; guess += 1) {
    const wrong = await guesser.signIn.email({ email, password: `Wrong-Guess-${guess}-xyz` });
    if (guess < 5) assertError(wrong.error, 401, 'INVALID_EMAIL_OR_PASSWORD');
  }
  const locked = await guesser.signIn.email({ email, password: PASSWORD });
  assertError(locked.error, 429, 'ACCOUNT_LOCKED');
  const minutes = (new Date(locked.error.lockedUntil) - Date.now()) / 60_000;
  assert.ok(minutes > 28 && minutes <= 30.1, `locked for half an hour, not ${minutes} minutes`);
}
assert.equal((await second.client.getSession()).data.user.email, EMAIL, 'a lock ends no session');

console.log('the official client is content');
