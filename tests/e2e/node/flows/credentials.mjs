// Sign-up and sign-in with e-mail and password.
import assert from 'node:assert/strict';
import {
  ADMIN_EMAIL,
  BASE,
  BASE_URL,
  ID,
  OURS,
  PASSWORD,
  assertAnswer,
  assertDatesOnTheWire,
  assertError,
  assertKeys,
  assertSeconds,
  assertSession,
  assertSignInFails,
  assertUser,
  bearerSession,
  browse,
  device,
  finish,
  freshEmail,
  mailCount,
  mailedLink,
  ok,
  person,
  step,
} from './lib.mjs';

await step('sign-up answers a token and a user, and opens a session', async () => {
  const at = device();
  const email = freshEmail();
  const { data } = await ok(
    at.client.signUp.email({
      name: 'Grace Hopper',
      email: email.toUpperCase(),
      password: PASSWORD,
      image: 'https://pictures.example/g.png',
    }),
  );
  assertKeys(data, ['token', 'user']);
  assert.match(data.token, ID);
  assertUser(data.user, {
    name: 'Grace Hopper',
    email,
    emailVerified: false,
    image: 'https://pictures.example/g.png',
    role: 'student',
  });
  const { session, user } = await at.signedIn();
  assertSession(session, { token: data.token, userId: data.user.id });
  assertUser(user, { id: data.user.id, email, role: 'student' });
  assertSeconds(session.expiresAt - session.createdAt, 604_800, 'the life of a session');
});

await step('the session cookie is signed and lives seven days', async () => {
  const { at, token } = await person();
  const { value, attributes } = at.cookies.get('better-auth.session_token');
  const signed = decodeURIComponent(value);
  assert.ok(signed.startsWith(`${token}.`));
  assert.match(signed.slice(token.length + 1), /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(attributes['max-age'], '604800');
  assert.equal('secure' in attributes, BASE_URL.startsWith('https'));
  const forged = device();
  const last = token.endsWith('x') ? 'y' : 'x';
  forged.cookies.set('better-auth.session_token', { value: value.replace(token, token.slice(0, -1) + last) });
  assert.equal(await forged.signedIn(), null, 'another token with the same signature');
});

await step('dates go out with milliseconds and Z', async () => {
  const { at } = await person();
  const { body, headers } = await at.http('/get-session');
  assertDatesOnTheWire(body);
  assert.match(headers.get('cache-control') ?? '', /no-store/);
});

await step('an image may be left out and is null', async () => {
  const { at } = await person();
  assertUser((await at.signedIn()).user, { image: null });
});

await step('sign-up mails a link that verifies the address', async () => {
  const { email, at } = await person();
  const link = new URL(await mailedLink(email, '/verify-email'));
  assert.ok(link.searchParams.get('token'));
  assert.ok(link.searchParams.has('callbackURL'));
  const { status, headers } = await device().http(link.href, { origin: null });
  assert.equal(status, 302);
  assert.equal(headers.get('location'), link.searchParams.get('callbackURL'), 'the callbackURL as it is');
  assertUser((await at.signedIn()).user, { email, emailVerified: true });
});

await step('the callbackURL of sign-up comes back in the mail', async () => {
  const email = freshEmail();
  const at = device();
  await ok(at.client.signUp.email({ name: 'Grace', email, password: PASSWORD, callbackURL: '/welcome?from=mail' }));
  const link = await mailedLink(email, '/verify-email');
  const { url } = await browse(at, link);
  assert.equal(url.pathname + url.search, '/welcome?from=mail');
});

await step('sign-up takes a form', async () => {
  const at = device();
  const email = freshEmail();
  const answer = await at.http('/sign-up/email', {
    method: 'POST',
    form: { name: 'Grace', email, password: PASSWORD },
  });
  assertAnswer(answer, 200);
  assertKeys(answer.body, ['token', 'user']);
  assert.equal((await at.signedIn()).user.email, email);
});

await step('sign-in takes a form', async () => {
  const { email } = await person();
  const at = device();
  assertAnswer(await at.http('/sign-in/email', { method: 'POST', form: { email, password: PASSWORD } }), 200);
  assert.equal((await at.signedIn()).user.email, email);
});

await step('an address is taken once', async () => {
  const { email } = await person();
  const again = await device().client.signUp.email({ name: 'Mallory', email: email.toUpperCase(), password: PASSWORD });
  assertError(again, 422, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL');
});

await step('sign-up refuses what is no address, a weak password, and a role', async () => {
  const { client } = device();
  const email = freshEmail();
  const sign = (more) => client.signUp.email({ name: 'Grace', email, password: PASSWORD, ...more });
  assertError(await sign({ email: 'nobody' }), 400, OURS.noAddressAtSignUp);
  assertError(await sign({ password: 'Short-1!' }), 400, 'PASSWORD_TOO_SHORT');
  assertError(await sign({ password: `Aa1!${'x'.repeat(125)}` }), 400, 'PASSWORD_TOO_LONG');
  if (OURS.complexPassword) assertError(await sign({ password: 'alllowercaseletters' }), 400, 'PASSWORD_TOO_WEAK');
  assertError(await sign({ role: 'admin' }), 400, 'FIELD_NOT_ALLOWED');
  assertError(await sign({ banReason: 'none' }), 400, 'FIELD_NOT_ALLOWED');
  await assertSignInFails(email, PASSWORD);
});

await step('nobody signs up with a ban, an identifier or a verified address of their own making', async () => {
  const email = freshEmail();
  const id = 'x'.repeat(32);
  const { data, error } = await device().client.signUp.email({
    name: 'Grace',
    email,
    password: PASSWORD,
    id,
    banned: true,
    emailVerified: true,
    createdAt: new Date(0),
  });
  if (error) return assertError({ data, error }, 400, 'FIELD_NOT_ALLOWED');
  assertUser(data.user, { banned: false, emailVerified: false });
  assert.notEqual(data.user.id, id);
  return assert.ok(Date.now() - data.user.createdAt < 60_000);
});

await step('a missing member is a VALIDATION_ERROR that names it', async () => {
  const answer = await device().client.signUp.email({ name: 'Grace', email: freshEmail() });
  assertError(answer, 400, 'VALIDATION_ERROR');
  assert.match(answer.error.message, /\[body\.password\]/);
  assertError(await device().client.signIn.email({ password: PASSWORD }), 400, 'VALIDATION_ERROR');
});

await step('sign-in answers a token and the user', async () => {
  const { email, id, token } = await person();
  const at = device();
  const { data } = await ok(at.client.signIn.email({ email: email.toUpperCase(), password: PASSWORD }));
  assertKeys(data, ['redirect', 'token', 'user'], ['url']);
  assert.equal(data.redirect, false);
  assert.match(data.token, ID);
  assert.notEqual(data.token, token);
  assertUser(data.user, { id, email });
  assert.equal((await at.signedIn()).session.token, data.token);
});

await step('a wrong password and an unknown address answer the same', async () => {
  const { email } = await person();
  const wrong = await device().client.signIn.email({ email, password: 'Wrong-Horse-42!' });
  const unknown = await device().client.signIn.email({ email: freshEmail(), password: 'Wrong-Horse-42!' });
  assertError(wrong, 401, 'INVALID_EMAIL_OR_PASSWORD');
  assert.deepEqual(unknown.error, wrong.error);
  assertError(await device().client.signIn.email({ email: 'nobody', password: PASSWORD }), 400, 'INVALID_EMAIL');
});

await step('rememberMe false sets cookies that end with the browser', async () => {
  const { email } = await person();
  const at = device();
  await ok(at.client.signIn.email({ email, password: PASSWORD, rememberMe: false }));
  assert.equal(at.cookies.get('better-auth.session_token').attributes['max-age'], undefined);
  const mark = at.cookies.get('better-auth.dont_remember');
  assert.match(decodeURIComponent(mark.value), /^true\.[A-Za-z0-9+/]{43}=$/);
  assert.equal(mark.attributes['max-age'], undefined);
  const { session } = await at.signedIn();
  assertSeconds(session.expiresAt - session.createdAt, 86_400, 'a session that is not remembered');
  await ok(at.client.signOut());
  assert.deepEqual(at.held(), [], 'sign-out expires the mark too');
});

await step('a callbackURL at sign-in comes back with redirect', async () => {
  const { email } = await person();
  const at = device();
  const { data } = await ok(at.client.signIn.email({ email, password: PASSWORD, callbackURL: '/courses' }));
  assertKeys(data, ['redirect', 'token', 'url', 'user']);
  assert.deepEqual([data.redirect, data.url], [true, '/courses']);
  assert.equal(at.answer.headers.get('location'), '/courses');
  assert.equal(at.answer.status, 200);
});

await step('a callbackURL of somebody else is refused', async () => {
  const { email } = await person();
  const { client } = device();
  const sign = (callbackURL) => client.signIn.email({ email, password: PASSWORD, callbackURL });
  for (const url of [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    'javascript:alert(1)',
    `${BASE_URL}@evil.example`,
  ]) {
    assertError(await sign(url), 403, 'INVALID_CALLBACK_URL');
  }
  await ok(sign(`${BASE_URL}/courses`));
});

await step('another origin is refused, and no origin with cookies', async () => {
  const { at, email } = await person();
  const post = (path, json, options) => at.http(path, { method: 'POST', json, ...options });
  assertAnswer(await post('/update-user', { name: 'X' }, { origin: 'https://evil.example' }), 403, 'INVALID_ORIGIN');
  assertAnswer(await post('/update-user', { name: 'X' }, { origin: null }), 403, 'MISSING_OR_NULL_ORIGIN');
  assertAnswer(await post('/sign-out', {}, { origin: 'null' }), 403, 'MISSING_OR_NULL_ORIGIN');
  const login = { method: 'POST', json: { email, password: PASSWORD }, origin: 'https://evil.example' };
  assertAnswer(await device().http('/sign-in/email', login), 403, 'INVALID_ORIGIN');
  assert.equal((await at.signedIn()).user.name, 'Grace');
});

await step('other media types, broken JSON, unknown paths', async () => {
  const at = device();
  const post = (path, body, type) => at.http(path, { method: 'POST', body, headers: { 'content-type': type } });
  assertAnswer(await post('/sign-in/email', 'x', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE');
  assertAnswer(
    await post('/request-password-reset', 'a=b', 'application/x-www-form-urlencoded'),
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  );
  assertAnswer(await post('/sign-in/email', '{', 'application/json'), 400, 'BAD_REQUEST');
  assertAnswer(await at.http('/nothing-here'), 404, null);
  assertAnswer(await at.http('/sign-in/email'), 404, null);
  assertAnswer(await at.http('/ok/'), 404, null);
  assert.deepEqual((await at.http('/ok')).body, { ok: true });
});

await step('the error page shows no code of somebody else', async () => {
  const { status, headers, text } = await device().http('/error?error=%3Cscript%3Ealert(1)%3C%2Fscript%3E', {
    origin: null,
  });
  if (status === 302) return assert.match(headers.get('location'), /\?error=UNKNOWN/);
  assert.equal(status, 200);
  assert.match(headers.get('content-type'), /^text\/html/);
  return assert.ok(!text.includes('<script>alert'));
});

await step('sign-out ends the session and works twice', async () => {
  const { at, client, token } = await person();
  const thief = at.copy();
  assert.deepEqual((await ok(client.signOut())).data, { success: true });
  assert.deepEqual(at.held(), []);
  assert.equal(await thief.signedIn(), null);
  assert.deepEqual(thief.held(), [], 'the cookie of a dead session is expired');
  assert.equal(await bearerSession(token), null);
  assert.deepEqual((await ok(client.signOut())).data, { success: true });
});

await step('send-verification-email mails again, and tells nobody who has an account', async () => {
  const { email, client } = await person();
  let link = new URL(await mailedLink(email, '/verify-email'));
  assert.deepEqual((await ok(client.sendVerificationEmail({ email, callbackURL: '/verified' }))).data, {
    status: true,
  });
  if (!OURS.mailsAMinuteApart) {
    link = new URL(await mailedLink(email, '/verify-email'));
    assert.equal(link.searchParams.get('callbackURL'), '/verified');
  }
  assertError(await client.sendVerificationEmail({ email: freshEmail() }), 400, 'EMAIL_MISMATCH');
  assert.deepEqual((await ok(device().client.sendVerificationEmail({ email: freshEmail() }))).data, { status: true });
  await device().http(link.href, { origin: null });
  assertError(await client.sendVerificationEmail({ email }), 400, 'EMAIL_ALREADY_VERIFIED');
  if (OURS.mailsAMinuteApart) assert.equal(await mailCount(email, '/verify-email'), 1);
});

await step('verify-email without a callbackURL answers JSON; a bad token an error', async () => {
  const { email } = await person();
  const token = new URL(await mailedLink(email, '/verify-email')).searchParams.get('token');
  const { data } = await ok(device().client.verifyEmail({ query: { token } }));
  assert.deepEqual(data, { status: true, user: null });
  assertError(await device().client.verifyEmail({ query: { token: 'nonsense' } }), 401, 'INVALID_TOKEN');
  const { headers, status } = await device().http(`${BASE}/verify-email?token=nonsense&callbackURL=%2Fverified`, {
    origin: null,
  });
  assert.equal(status, 302);
  assert.equal(headers.get('location'), '/verified?error=INVALID_TOKEN');
  const evil = await device().http(`${BASE}/verify-email?token=${token}&callbackURL=https%3A%2F%2Fevil.example`, {
    origin: null,
  });
  assertAnswer(evil, 403, 'INVALID_CALLBACK_URL');
});

await step('the admin of the set-up is there', () => assertSignInFails(ADMIN_EMAIL, 'Wrong-Horse-42!'));

finish();
