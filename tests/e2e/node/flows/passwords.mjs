// A forgotten password, a changed one, and asking for it.
import assert from 'node:assert/strict';
import {
  BASE,
  BASE_URL,
  ID,
  OTHER_PASSWORD,
  OURS,
  PASSWORD,
  anotherDevice,
  assertAnswer,
  assertError,
  assertKeys,
  assertSignInFails,
  assertUser,
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

/** Asks for a reset and follows the mailed link; answers the token that the page gets. */
async function resetToken(email) {
  const { client } = device();
  await ok(client.requestPasswordReset({ email, redirectTo: '/new-password' }));
  const { url } = await browse(device(), await mailedLink(email, '/reset-password/'));
  assert.equal(url.pathname, '/new-password');
  const token = url.searchParams.get('token');
  assert.match(token ?? '', /^\S+$/);
  return token;
}

const reset = (token, newPassword = OTHER_PASSWORD) => device().client.resetPassword({ token, newPassword });

await step('a request answers the same for everybody, and mails only who is there', async () => {
  const [{ email }, nobody] = [await person(), freshEmail()];
  const ask = (to) => ok(device().client.requestPasswordReset({ email: to, redirectTo: '/new-password' }));
  const unknown = (await ask(nobody)).data;
  const known = (await ask(email)).data;
  assertKeys(known, ['status', 'message']);
  assert.equal(known.status, true);
  assert.equal(typeof known.message, 'string');
  assert.deepEqual(unknown, known);
  await mailedLink(email, '/reset-password/');
  assert.equal(await mailCount(nobody, '/'), 0);
});

await step('the mailed link leads to the page with a token; asking for it uses nothing up', async () => {
  const { email } = await person();
  await ok(device().client.requestPasswordReset({ email, redirectTo: `${BASE_URL}/new-password?from=mail` }));
  const link = await mailedLink(email, '/reset-password/');
  assert.ok(link.startsWith(`${BASE}/reset-password/`));
  const callback = new URL(link).searchParams.get('callbackURL');
  assert.equal(callback, `${BASE_URL}/new-password?from=mail`);
  for (let visit = 0; visit < 2; visit += 1) {
    const { headers, status } = await device().http(link, { origin: null });
    assert.equal(status, 302);
    const page = new URL(headers.get('location'));
    assert.equal(page.origin + page.pathname, `${BASE_URL}/new-password`);
    assert.equal(page.searchParams.get('from'), 'mail');
    assert.ok(link.includes(`/reset-password/${page.searchParams.get('token')}?`), 'the token of the link');
  }
});

await step('a relative redirectTo is made absolute', async () => {
  const { email } = await person();
  await ok(device().client.requestPasswordReset({ email, redirectTo: '/new-password' }));
  const { headers } = await device().http(await mailedLink(email, '/reset-password/'), { origin: null });
  assert.match(headers.get('location'), new RegExp(`^${BASE_URL}/new-password\\?token=`));
});

await step('a reset sets the password, ends every session, and works once', async () => {
  const { email, at } = await person();
  const second = await anotherDevice({ email, password: PASSWORD });
  const token = await resetToken(email);
  assert.deepEqual((await ok(reset(token))).data, { status: true });
  await assertSignInFails(email, PASSWORD);
  assert.equal(await at.signedIn(), null);
  assert.equal(await second.at.signedIn(), null);
  await anotherDevice({ email, password: OTHER_PASSWORD });
  assertError(await reset(token, PASSWORD), 400, 'INVALID_TOKEN');
  await assertSignInFails(email, PASSWORD);
});

await step('of two resets at once one wins', async () => {
  const { email } = await person();
  const token = await resetToken(email);
  const answers = await Promise.all([1, 2, 3, 4].map((nth) => reset(token, `Number-${nth}-Horse!`)));
  const won = answers.map(({ error }) => error === null);
  assert.equal(won.filter(Boolean).length, 1, JSON.stringify(answers));
  await anotherDevice({ email, password: `Number-${won.indexOf(true) + 1}-Horse!` });
});

await step('the token may be in the query', async () => {
  const { email } = await person();
  const token = await resetToken(email);
  const answer = await device().http(`/reset-password?token=${token}`, {
    method: 'POST',
    json: { newPassword: OTHER_PASSWORD },
  });
  assertAnswer(answer, 200);
  assert.deepEqual(answer.body, { status: true });
  await anotherDevice({ email, password: OTHER_PASSWORD });
});

await step('a weak password does not use the token up', async () => {
  const { email } = await person();
  const token = await resetToken(email);
  assertError(await reset(token, 'Short-1!'), 400, 'PASSWORD_TOO_SHORT');
  if (OURS.complexPassword) assertError(await reset(token, 'alllowercaseletters'), 400, 'PASSWORD_TOO_WEAK');
  assertError(await reset(token, `Aa1!${'x'.repeat(125)}`), 400, 'PASSWORD_TOO_LONG');
  await anotherDevice({ email, password: PASSWORD });
  await ok(reset(token));
});

await step('bad tokens', async () => {
  assertError(await reset('nonsense'), 400, 'INVALID_TOKEN');
  assertError(await device().client.resetPassword({ newPassword: OTHER_PASSWORD }), 400, 'INVALID_TOKEN');
  const { headers, status } = await device().http('/reset-password/nonsense?callbackURL=%2Fnew-password', {
    origin: null,
  });
  assert.equal(status, 302);
  assert.equal(headers.get('location'), `${BASE_URL}/new-password?error=INVALID_TOKEN`);
  const evil = await device().http('/reset-password/nonsense?callbackURL=https%3A%2F%2Fevil.example', { origin: null });
  assertAnswer(evil, 403, 'INVALID_CALLBACK_URL');
});

await step('a redirectTo of somebody else is refused', async () => {
  const { email } = await person();
  for (const redirectTo of ['https://evil.example', '//evil.example', '/\\evil.example']) {
    assertError(await device().client.requestPasswordReset({ email, redirectTo }), 403, 'INVALID_REDIRECT_URL');
  }
  assert.equal(await mailCount(email, '/reset-password/'), 0);
});

await step('change-password wants the current one', async () => {
  const { client, email } = await person();
  const change = (more) => client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, ...more });
  assertError(await change({ currentPassword: 'Wrong-Horse-42!' }), 400, 'INVALID_PASSWORD');
  assertError(await change({ newPassword: 'Short-1!' }), 400, 'PASSWORD_TOO_SHORT');
  if (OURS.complexPassword) assertError(await change({ newPassword: 'alllowercaseletters' }), 400, 'PASSWORD_TOO_WEAK');
  assertError(await change({ newPassword: `Aa1!${'x'.repeat(125)}` }), 400, 'PASSWORD_TOO_LONG');
  assertError(await change({ newPassword: undefined }), 400, 'VALIDATION_ERROR');
  assertError(
    await device().client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }),
    401,
    'UNAUTHORIZED',
  );
  await anotherDevice({ email, password: PASSWORD });
});

await step('change-password without revokeOtherSessions', async () => {
  const { client, email, id, at } = await person();
  const other = await anotherDevice({ email, password: PASSWORD });
  const { data } = await ok(client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD }));
  assertKeys(data, ['token', 'user']);
  assertUser(data.user, { id, email });
  assert.ok(await at.signedIn(), 'this device stays signed in');
  if (OURS.passwordChangeEndsOthers) assert.equal(await other.at.signedIn(), null);
  else {
    assert.equal(data.token, null);
    assert.ok(await other.at.signedIn());
  }
  await assertSignInFails(email, PASSWORD);
  await anotherDevice({ email, password: OTHER_PASSWORD });
});

await step('change-password with revokeOtherSessions answers a new session', async () => {
  const { client, email, id, at, token } = await person();
  const other = await anotherDevice({ email, password: PASSWORD });
  const stolen = at.copy();
  const { data } = await ok(
    client.changePassword({ currentPassword: PASSWORD, newPassword: OTHER_PASSWORD, revokeOtherSessions: true }),
  );
  assertKeys(data, ['token', 'user']);
  assert.match(data.token, ID);
  assert.notEqual(data.token, token);
  assertUser(data.user, { id, email });
  assert.equal((await at.signedIn()).session.token, data.token, 'the new cookie is set');
  assert.equal(await stolen.signedIn(), null, 'the old session is dead');
  assert.equal(await other.at.signedIn(), null);
  assert.equal((await ok(client.listSessions())).data.length, 1);
  await assertSignInFails(email, PASSWORD);
});

await step('verify-password', async () => {
  const { at, client } = await person();
  assert.deepEqual((await ok(client.verifyPassword({ password: PASSWORD }))).data, { status: true });
  assertError(await client.verifyPassword({ password: 'Wrong-Horse-42!' }), 400, 'INVALID_PASSWORD');
  assertError(await device().client.verifyPassword({ password: PASSWORD }), 401, 'UNAUTHORIZED');
  assert.ok(await at.signedIn());
});

if (OURS.oldForms) {
  await step('forget-password is the old name of request-password-reset', async () => {
    const { email } = await person();
    const answer = await device().http('/forget-password', {
      method: 'POST',
      json: { email, redirectTo: '/new-password' },
    });
    assertAnswer(answer, 200);
    assert.equal(answer.body.status, true);
    await mailedLink(email, '/reset-password/');
  });
}

finish();
