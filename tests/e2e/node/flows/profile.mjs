// What a person changes of themselves, and leaving.
import assert from 'node:assert/strict';
import {
  BASE,
  OURS,
  PASSWORD,
  anotherDevice,
  assertAnswer,
  assertError,
  assertMessage,
  assertSignInFails,
  assertUser,
  browse,
  device,
  finish,
  mailedLink,
  ok,
  person,
  step,
} from './lib.mjs';

const userOf = async (at) => (await at.signedIn()).user;

await step('update-user changes the name and the picture', async () => {
  const { at, client } = await person();
  const before = await userOf(at);
  const image = 'https://pictures.example/g.png';
  assert.deepEqual((await ok(client.updateUser({ name: 'Rear Admiral Grace', image }))).data, { status: true });
  assert.ok(
    at.answer.headers.getSetCookie().some((line) => line.startsWith('better-auth.session_token=')),
    'the cookie is set again',
  );
  const after = await userOf(at);
  assertUser(after, { name: 'Rear Admiral Grace', image, email: before.email, createdAt: before.createdAt });
  assert.ok(after.updatedAt > before.updatedAt);
});

await step('each can be changed alone, and null takes the picture away', async () => {
  const { at, client } = await person();
  await ok(client.updateUser({ image: 'https://pictures.example/g.png' }));
  assertUser(await userOf(at), { name: 'Grace', image: 'https://pictures.example/g.png' });
  await ok(client.updateUser({ name: 'G' }));
  assertUser(await userOf(at), { name: 'G', image: 'https://pictures.example/g.png' });
  await ok(client.updateUser({ image: null }));
  assertUser(await userOf(at), { name: 'G', image: null });
});

await step('other devices see the change', async () => {
  const { client, email } = await person();
  const other = await anotherDevice({ email, password: PASSWORD });
  await ok(client.updateUser({ name: 'Seen' }));
  assertUser(await userOf(other.at), { name: 'Seen' });
});

await step('nothing to update, and what may not be updated', async () => {
  const { at, client, email, id } = await person();
  const before = await userOf(at);
  const nothing = await at.http('/update-user', { method: 'POST', json: {} });
  assertAnswer(nothing, 400);
  assert.equal(nothing.body.message, 'No fields to update');
  assertMessage(await client.updateUser({ unknown: 'field' }), 400, 'No fields to update');
  assertError(await client.updateUser({ email: 'new@school.example' }), 400, 'EMAIL_CAN_NOT_BE_UPDATED');
  for (const [field, value] of [
    ['role', 'admin'],
    ['banned', true],
    ['banReason', 'x'],
    ['banExpires', new Date()],
  ]) {
    const refused = await client.updateUser({ name: 'Mallory', [field]: value });
    assertError(refused, 400, 'FIELD_NOT_ALLOWED');
    assert.equal(refused.error.message, `${field} is not allowed to be set`);
  }
  assertError(await device().client.updateUser({ name: 'X' }), 401, 'UNAUTHORIZED');
  assert.deepEqual(await userOf(at), before);
  assertUser(before, { id, email });
});

await step('identifiers and verification in the body are ignored', async () => {
  const { at, client, id } = await person();
  const forged = { id: 'x'.repeat(32), userId: 'x', emailVerified: true, createdAt: new Date(0) };
  const answer = await client.updateUser({ name: 'Grace', ...forged });
  if (answer.error) assertError(answer, 400, 'FIELD_NOT_ALLOWED');
  const user = await userOf(at);
  assertUser(user, { id, emailVerified: false });
  assert.ok(Date.now() - user.createdAt < 60_000);
});

if (OURS.deletion !== 'mailed') {
  await step('delete-user with the password deletes at once', async () => {
    const { at, client, email } = await person();
    const other = await anotherDevice({ email, password: PASSWORD });
    const stolen = at.copy();
    const { data } = await ok(client.deleteUser({ password: PASSWORD }));
    assert.deepEqual(data, { success: true, message: 'User deleted' });
    assert.deepEqual(at.held(), [], 'the cookies are expired');
    assert.equal(await stolen.signedIn(), null);
    assert.equal(await other.at.signedIn(), null);
    await assertSignInFails(email, PASSWORD);
  });

  await step('a deleted address is free, for another person', async () => {
    const { client, email, id } = await person();
    await ok(client.deleteUser({ password: PASSWORD }));
    assert.notEqual((await person({ email })).id, id);
  });
}

await step('delete-user with a wrong password deletes nothing', async () => {
  const { at, client } = await person();
  assertError(await client.deleteUser({ password: 'Wrong-Horse-42!' }), 400, 'INVALID_PASSWORD');
  assert.ok(await at.signedIn());
  assertError(await device().client.deleteUser({ password: PASSWORD }), 401, 'UNAUTHORIZED');
  assertError(await client.deleteUser({ token: 'nonsense' }), 404, 'INVALID_TOKEN');
  assertError(
    await client.deleteUser({ password: PASSWORD, callbackURL: 'https://evil.example' }),
    403,
    'INVALID_CALLBACK_URL',
  );
  assert.ok(await at.signedIn());
});

if (OURS.deletion !== 'at once') {
  const ask = async ({ client, email }, options = { callbackURL: '/bye' }) => {
    const { data } = await ok(client.deleteUser(options));
    assert.deepEqual(data, { success: true, message: 'Verification email sent' });
    return mailedLink(email, '/delete-user/callback');
  };

  await step('delete-user without a password mails a link that deletes', async () => {
    const who = await person();
    const other = await anotherDevice(who);
    const link = await ask(who);
    assert.ok(await who.at.signedIn(), 'not yet');
    assert.equal(new URL(link).searchParams.get('callbackURL'), '/bye');
    const { url, location } = await browse(who.at, link);
    assert.deepEqual([url.pathname, location], ['/bye', '/bye']);
    assert.deepEqual(who.at.held(), [], 'the cookies are expired');
    assert.equal(await other.at.signedIn(), null);
    await assertSignInFails(who.email, PASSWORD);
  });

  await step('the mailed token works in delete-user too, once, and for its owner', async () => {
    const [who, stranger] = [await person(), await person()];
    const token = new URL(await ask(who)).searchParams.get('token');
    assertError(await stranger.client.deleteUser({ token }), 404, 'INVALID_TOKEN');
    assert.ok(await stranger.at.signedIn());
    const second = await person();
    const own = new URL(await ask(second)).searchParams.get('token');
    const { data } = await ok(second.client.deleteUser({ token: own }));
    assert.deepEqual(data, { success: true, message: 'User deleted' });
    assert.deepEqual(second.at.held(), []);
    await assertSignInFails(second.email, PASSWORD);
  });

  await step('the link deletes only for who is signed in', async () => {
    const [who, stranger] = [await person(), await person()];
    const link = await ask(who);
    assert.equal((await device().http(link, { origin: null })).status, 404);
    assertAnswer(await stranger.at.http(link, { origin: null }), 404, 'INVALID_TOKEN');
    const evil = `${link.split('&')[0]}&callbackURL=https%3A%2F%2Fevil.example`;
    assertAnswer(await who.at.http(evil, { origin: null }), 403, 'INVALID_CALLBACK_URL');
    assert.ok(await who.at.signedIn());
    assert.ok(await stranger.at.signedIn());
  });

  await step('without a callbackURL the link answers JSON', async () => {
    const who = await person();
    const token = new URL(await ask(who)).searchParams.get('token');
    const { body, status } = await who.at.http(`${BASE}/delete-user/callback?token=${token}`, { origin: null });
    assert.equal(status, 200);
    assert.deepEqual(body, { success: true, message: 'User deleted' });
  });
}

finish();
