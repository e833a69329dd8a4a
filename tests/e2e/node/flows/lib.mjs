// What every flow needs: the official client of either version with a browser's cookies and origin,
// a browser that follows redirects, the mails, and assertions of the wire contract's shapes.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const { CLIENT = 'current', SERVER = 'ours' } = process.env;
export const { BASE_URL, MAIL, OIDC, GITHUB, ADMIN_EMAIL, ADMIN_PASSWORD } = process.env;
export const OLD_CLIENT = CLIENT === '1.4';
export const BASE = `${BASE_URL}/api/auth`;

/**
 * Where IntelliStack means to differ from Better-Auth, and what Better-Auth does instead. The oracle is
 * a Better-Auth of the current version with the options that make it behave like us.
 */
const DIFFERENCES = {
  // Passwords need lower case, upper case, a digit and a special character. Both need 12 characters here.
  complexPassword: { ours: true, oracle: false },
  // Mails of one kind to one person are a minute apart: the second one is not sent.
  mailsAMinuteApart: { ours: true, oracle: false },
  // What is no address at all: Better-Auth's schema refuses it before its own check does.
  noAddressAtSignUp: { ours: 'INVALID_EMAIL', oracle: 'VALIDATION_ERROR' },
  // The token of another session in list-sessions is a handle for revoke-session and no credential.
  listedTokensAreCredentials: { ours: false, oracle: true },
  // A changed password ends the other sessions, asked for or not; so do set-role and set-user-password.
  passwordChangeEndsOthers: { ours: true, oracle: false },
  setRoleEndsSessions: { ours: true, oracle: false },
  setUserPasswordEndsSessions: { ours: true, oracle: false },
  // The issuer of access tokens; both have the origin as audience.
  issuer: { ours: `${process.env.BASE_URL}/api/auth`, oracle: process.env.BASE_URL },
  // The last admin can be neither demoted, banned nor removed.
  lastAdmin: { ours: 'LAST_ADMIN', oracle: null },
  // A percent sign or an underscore in a search is one.
  literalSearch: { ours: true, oracle: false },
  // delete-user: with a password at once, without one by mail. Better-Auth does one or the other.
  deletion: { ours: 'both', oracle: process.env.DELETION === 'mailed' ? 'mailed' : 'at once' },
  // The call forms of the old client (provider and its account id in place of the row id) work.
  oldForms: { ours: true, oracle: false },
  // A provider that does not answer is given up.
  providerTimeout: { ours: true, oracle: false },
};
export const OURS = Object.fromEntries(Object.entries(DIFFERENCES).map(([name, values]) => [name, values[SERVER]]));

export const PASSWORD = 'Correct-Horse-42!';
export const OTHER_PASSWORD = 'Another-Horse-43?';
export const ID = /^[A-Za-z0-9]{32}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const packageName = OLD_CLIENT ? 'better-auth-1-4' : 'better-auth';
const { createAuthClient } = await import(`${packageName}/client`);
const plugins = await import(`${packageName}/client/plugins`);

// ---- Devices

/** A browser: its own cookies, its own official client. */
export function device() {
  const cookies = new Map();
  const self = {
    cookies,
    /** The last answer of the server. */
    answer: null,

    async fetch(input, init = {}) {
      const headers = new Headers(init.headers);
      const { origin } = init;
      if (origin !== null) headers.set('origin', origin ?? BASE_URL);
      if (cookies.size > 0) {
        headers.set('cookie', [...cookies].map(([name, { value }]) => `${name}=${value}`).join('; '));
      }
      self.answer = await fetch(input, { ...init, headers });
      for (const line of self.answer.headers.getSetCookie()) keep(cookies, line);
      return self.answer;
    },

    /** A request without the client. */
    async http(path, { method = 'GET', json, form, headers = {}, ...rest } = {}) {
      const init = { method, headers: { ...headers }, redirect: 'manual', ...rest };
      if (json !== undefined) {
        init.body = JSON.stringify(json);
        init.headers['content-type'] = 'application/json';
      }
      if (form !== undefined) init.body = new URLSearchParams(form);
      const answer = await self.fetch(path.startsWith('http') ? path : `${BASE}${path}`, init);
      const text = await answer.text();
      let body = null;
      try {
        body = text === '' ? null : JSON.parse(text);
      } catch {
        // Not JSON: a page.
      }
      return { status: answer.status, headers: answer.headers, text, body };
    },

    /** The names of the cookies that a session has. */
    held: () => [...cookies.keys()].filter((name) => !isDevice(name)),

    /** The value of one of Better-Auth's cookies. */
    cookie: (name) => cookies.get(`better-auth.${name}`)?.value,

    /** Another browser with a copy of the cookies, as a thief has it. */
    copy() {
      const other = device();
      for (const [name, cookie] of cookies) other.cookies.set(name, cookie);
      return other;
    },

    async signedIn() {
      const { data, error } = await self.client.getSession();
      assert.equal(error, null, 'get-session never fails');
      return data;
    },
  };
  const { adminClient, jwtClient, genericOAuthClient } = plugins;
  self.client = createAuthClient({
    baseURL: BASE_URL,
    plugins: [adminClient(), jwtClient(), ...(genericOAuthClient ? [genericOAuthClient()] : [])],
    fetchOptions: { customFetchImpl: self.fetch },
  });
  return self;
}

/** What the device is known by outlives every session; Better-Auth has no such cookie. */
function isDevice(name) {
  return name.endsWith('better-auth.known_device');
}

function keep(cookies, line) {
  const [pair, ...rest] = line.split(';').map((part) => part.trim());
  const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
  const attributes = Object.fromEntries(
    rest.map((part) => [part.split('=')[0].toLowerCase(), part.split('=').slice(1).join('=')]),
  );
  assert.equal(attributes.path, isDevice(name) ? '/api/auth' : '/', line);
  assert.ok('httponly' in attributes, line);
  assert.equal(attributes.samesite?.toLowerCase(), 'lax', line);
  if (value === '' || attributes['max-age'] === '0') cookies.delete(name);
  else cookies.set(name, { value, attributes });
}

/** What a request of a program with a bearer token answers to get-session. */
export async function bearerSession(token) {
  const answer = await fetch(`${BASE}/get-session`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  return answer.json();
}

/**
 * Goes to an address as a browser does and follows redirects until a page of the application, or
 * whatever is no redirect. `edit` may change an address before it is visited.
 */
export async function browse(from, address, edit = (url) => url) {
  const foreign = new Map();
  const visited = [];
  let url = new URL(address);
  let location = address;
  for (let hop = 0; hop < 15; hop += 1) {
    // The oracle knows the real address of GitHub only.
    if (url.origin === 'https://github.com') url = new URL(url.pathname + url.search, GITHUB);
    visited.push(url.href);
    const ours = url.origin === BASE_URL;
    if (ours && !url.pathname.startsWith('/api/')) return { url, location, visited, status: 200 };
    const answer = ours ? await from.http(url.href, { origin: null }) : await visit(foreign, url);
    const next = answer.headers.get('location');
    if (next === null) return { url, location, visited, status: answer.status, body: answer.body, text: answer.text };
    if (ours) assert.equal(answer.status, 302, `${url} redirects with 302`);
    location = next;
    url = edit(new URL(next, url));
  }
  throw new Error(`too many redirects: ${visited.slice(-3).join(' -> ')}`);
}

async function visit(cookies, url) {
  const jar = cookies.get(url.origin) ?? new Map();
  cookies.set(url.origin, jar);
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const answer = await fetch(url, { redirect: 'manual', headers: cookie ? { cookie } : {} });
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    jar.set(name, value);
  }
  return { status: answer.status, headers: answer.headers, text: await answer.text(), body: null };
}

// ---- Mails

const read = new Map();

/** The next mail to an address whose link starts with `/api/auth<path>`; answers its link. */
export async function mailedLink(to, path) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const mails = await mailsTo(to);
    for (let nth = read.get(to) ?? 0; nth < mails.length; nth += 1) {
      const link = linkOf(mails[nth]);
      if (link && new URL(link).pathname.startsWith(`/api/auth${path}`)) {
        read.set(to, nth + 1);
        assert.ok(mails[nth].subject, 'a mail has a subject');
        assert.ok(mails[nth].html === '' || decodeEntities(mails[nth].html).includes(link), 'both parts have the link');
        return link;
      }
    }
    await sleep(50);
  }
  throw new assert.AssertionError({ message: `no mail to ${to} with a link to ${path}` });
}

/** How many mails with a link to `path` an address got, read or not. */
export async function mailCount(to, path) {
  const links = (await mailsTo(to)).map(linkOf);
  return links.filter((link) => link && new URL(link).pathname.startsWith(`/api/auth${path}`)).length;
}

async function mailsTo(to) {
  return (await fetch(`${MAIL}/?${new URLSearchParams({ to })}`)).json();
}

function linkOf({ text, html }) {
  const found = /https?:\/\/[^\s"<>]+/.exec(text || decodeEntities(html));
  return found?.[0];
}

function decodeEntities(html) {
  return html.replaceAll('&amp;', '&').replaceAll(/&#(x?)([0-9a-f]+);/gi, (_, hex, code) =>
    String.fromCodePoint(Number.parseInt(code, hex ? 16 : 10)),
  );
}

// ---- People

/** An address nobody has. */
export function freshEmail(name = 'grace') {
  return `${name}-${randomBytes(6).toString('hex')}@school.example`;
}

/** Somebody who just signed up, on a device that is signed in. */
export async function person({ name = 'Grace', email = freshEmail(), password = PASSWORD, verified = false } = {}) {
  const at = device();
  const { data } = await ok(at.client.signUp.email({ name, email, password }));
  if (verified) {
    const { status } = await at.http(await mailedLink(email, '/verify-email'), { origin: null });
    assert.ok([200, 302].includes(status), `verify-email answers ${status}`);
    assert.equal((await at.signedIn()).user.emailVerified, true);
  }
  return { email, name, password, at, client: at.client, id: data.user.id, token: data.token };
}

/** Another device of the same person. */
export async function anotherDevice({ email, password }) {
  const at = device();
  const { data } = await ok(at.client.signIn.email({ email, password }));
  return { email, password, at, client: at.client, id: data.user.id, token: data.token };
}

export const admin = () => anotherDevice({ email: ADMIN_EMAIL, password: ADMIN_PASSWORD });

export async function assertSignInFails(email, password) {
  assertError(await device().client.signIn.email({ email, password }), 401, 'INVALID_EMAIL_OR_PASSWORD');
}

/** Changes what a double of a provider does. */
export async function control(provider, change = {}) {
  const answer = await fetch(`${provider}/control`, { method: 'POST', body: JSON.stringify(change) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text);
}

/** Somebody the OpenID provider knows; they sign in with `loginHint: sub`. */
export async function openIdAccount(more = {}) {
  const sub = `sub-${randomBytes(6).toString('hex')}`;
  const account = {
    sub,
    email: freshEmail('oidc'),
    email_verified: true,
    name: 'Oidc Person',
    picture: 'https://pictures.example/o.png',
    ...more,
  };
  await control(OIDC, { change: { [sub]: account } });
  return account;
}

/** Somebody GitHub knows; everybody who signs in there from now on is them. */
export async function gitHubAccount({ user = {}, emails } = {}) {
  const email = freshEmail('octo');
  const id = 1 + randomBytes(5).readUIntBE(0, 5);
  const change = {
    reset: true,
    user: { id, ...user },
    emails: emails ?? [{ email, primary: true, verified: true, visibility: null }],
  };
  await control(GITHUB, change);
  return { id: String(id), email };
}

/** Signs in at a provider as a person does, and answers where they end up. */
export async function signInAt(provider, options = {}, { at = device(), edit } = {}) {
  const { data } = await ok(
    at.client.signIn.social({
      provider,
      callbackURL: '/home',
      newUserCallbackURL: '/hello',
      errorCallbackURL: '/sorry',
      ...options,
    }),
  );
  assertKeys(data, ['url', 'redirect']);
  return { at, client: at.client, ...(await browse(at, data.url, edit)) };
}

// ---- Assertions

/** The result of a call that must succeed. */
export async function ok(call) {
  const result = await call;
  assert.equal(result.error, null, JSON.stringify(result.error));
  return result;
}

/** A refusal with a code and a message. */
export function assertError({ data, error }, status, code) {
  assert.ok(error, `${code} is expected, not ${JSON.stringify(data)}`);
  assert.equal(data, null);
  assert.deepEqual([error.status, error.code], [status, code], JSON.stringify(error));
  assert.equal(typeof error.message, 'string');
  assert.notEqual(error.message, '');
}

/** A refusal with a message and no code. */
export function assertMessage({ error }, status, message) {
  assert.ok(error, `'${message}' is expected`);
  assert.deepEqual([error.status, error.message, error.code], [status, message, undefined]);
}

/** A refusal without a body. */
export function assertEmpty({ data, error }, status) {
  assert.ok(error, `a ${status} is expected, not ${JSON.stringify(data)}`);
  assert.equal(error.status, status, JSON.stringify(error));
  assert.deepEqual([error.code, error.message || undefined], [undefined, undefined]);
}

/** The same for a plain answer. */
export function assertAnswer({ status, body, text }, wanted, code) {
  assert.equal(status, wanted, text);
  if (code === null) assert.equal(text, '', 'no body');
  else if (code !== undefined) assert.equal(body.code, code, text);
}

export function assertKeys(object, required, optional = []) {
  const keys = Object.keys(object);
  for (const key of required) assert.ok(keys.includes(key), `${key} in ${JSON.stringify(object)}`);
  const unknown = keys.filter((key) => !required.includes(key) && !optional.includes(key));
  assert.deepEqual(unknown, [], `unknown members in ${JSON.stringify(object)}`);
}

const USER = ['id', 'name', 'email', 'emailVerified', 'image', 'createdAt', 'updatedAt'];
const ADMIN_FIELDS = ['role', 'banned', 'banReason', 'banExpires'];

export function assertUser(user, wanted = {}) {
  assertKeys(user, USER, [...ADMIN_FIELDS, 'twoFactorEnabled']);
  assert.match(user.id, ID);
  assert.equal(typeof user.name, 'string');
  assert.equal(user.email, user.email.toLowerCase());
  assert.equal(typeof user.emailVerified, 'boolean');
  assert.ok(user.image === null || typeof user.image === 'string');
  assertDate(user.createdAt);
  assertDate(user.updatedAt);
  assert.ok(user.updatedAt >= user.createdAt);
  assert.ok(['student', 'instructor', 'admin'].includes(user.role), `the role ${user.role}`);
  assert.ok([undefined, null, true, false].includes(user.banned));
  assert.ok(user.banExpires == null || user.banExpires instanceof Date);
  assertMembers(user, wanted);
}

export function assertMembers(object, wanted) {
  for (const [key, value] of Object.entries(wanted))
    assert.deepEqual(object[key], value, `${key}: ${JSON.stringify(object)}`);
}

const SESSION = ['id', 'token', 'userId', 'expiresAt', 'createdAt', 'updatedAt', 'ipAddress', 'userAgent'];

export function assertSession(session, wanted = {}) {
  assertKeys(session, SESSION, ['impersonatedBy']);
  assert.match(session.id, ID);
  assert.match(session.token, /^\S+$/);
  assert.match(session.userId, ID);
  for (const key of ['expiresAt', 'createdAt', 'updatedAt']) assertDate(session[key]);
  assert.ok(session.expiresAt > Date.now());
  assert.equal(typeof session.ipAddress, 'string');
  assert.equal(typeof session.userAgent, 'string');
  assertMembers(session, wanted);
}

export function assertDate(date) {
  assert.ok(date instanceof Date && !Number.isNaN(date.getTime()), `${date} is revived as a Date`);
}

/** Every date of a plain answer has milliseconds and Z: the client reads other fractions wrongly. */
export function assertDatesOnTheWire(body) {
  const visit = (value, key) => {
    if (value !== null && typeof value === 'object') {
      for (const [name, member] of Object.entries(value)) visit(member, name);
    } else if (/(At|Expires)$/.test(key) && value !== null) assert.match(String(value), ISO, key);
  };
  visit(body, '');
}

export function assertSeconds(duration, seconds, what) {
  assert.ok(Math.abs(duration / 1000 - seconds) < 60, `${what}: ${duration / 1000} s, not ${seconds} s`);
}

/** A redirect to a page of ours with an error. */
export function assertRedirectedWith({ url, visited }, path, error) {
  assert.equal(url.pathname, path, visited.join('\n'));
  assert.equal(url.searchParams.get('error'), error, url.href);
}

// ---- Steps

let passed = 0;
const failures = [];
const only = process.env.ONLY;

/** One thing to try; the next one is tried even if this one fails. */
export async function step(name, run) {
  if (only && !name.includes(only)) return;
  try {
    await run();
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    failures.push(name);
    const where = /(?:flows|pages)\/(?!lib)[\w-]+\.mjs:\d+/.exec(error.stack ?? '')?.[0] ?? '';
    const message = `${error.message} ${error.cause ?? ''}`.trim();
    console.log(`not ok - ${name} (${where})\n    ${message.split('\n').join('\n    ')}`);
  }
}

/** The last line of a flow. */
export function finish() {
  console.log(`${passed} steps passed, ${failures.length} failed`);
  process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
}
