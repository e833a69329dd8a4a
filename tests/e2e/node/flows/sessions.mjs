// The sessions of a person: looking at them, and ending one, the others, or all.
import assert from 'node:assert/strict';
import {
  OTHER_PASSWORD,
  OURS,
  PASSWORD,
  anotherDevice,
  assertAnswer,
  assertDatesOnTheWire,
  assertError,
  assertMessage,
  assertSession,
  assertUser,
  bearerSession,
  device,
  finish,
  ok,
  person,
  step,
} from './lib.mjs';

/** The other session of two in list-sessions. */
async function listed(from, sessionId) {
  const { data } = await ok(from.client.listSessions());
  const found = data.find((session) => session.id === sessionId);
  assert.ok(found, `${sessionId} is listed`);
  return found;
}

const idOf = async ({ at }) => (await at.signedIn()).session.id;

await step('without a session get-session is null and the rest is 401', async () => {
  const { client, http } = device();
  assert.deepEqual([(await ok(client.getSession())).data], [null]);
  const gated = [
    client.listSessions(),
    client.revokeSession({ token: 'x' }),
    client.revokeSessions(),
    client.revokeOtherSessions(),
  ];
  for (const answer of await Promise.all(gated)) assertError(answer, 401, 'UNAUTHORIZED');
  assertAnswer(await http('/update-session', { method: 'POST', json: {} }), 401, 'UNAUTHORIZED');
});

await step('list-sessions lists the live sessions of this person only', async () => {
  const first = await person();
  const second = await anotherDevice(first);
  const stranger = await person();
  const { data } = await ok(first.client.listSessions());
  assert.equal(data.length, 2);
  for (const session of data) assertSession(session, { userId: first.id });
  assert.deepEqual(new Set(data.map(({ id }) => id)), new Set([await idOf(first), await idOf(second)]));
  assert.equal((await ok(stranger.client.listSessions())).data.length, 1);
  assert.equal((await listed(first, await idOf(first))).token, first.token, 'the own session has its own token');
  assertDatesOnTheWire((await first.at.http('/list-sessions')).body);
});

await step('the listed token of another session is no credential', async () => {
  const first = await person();
  const second = await anotherDevice(first);
  const { token } = await listed(first, await idOf(second));
  assert.equal((await bearerSession(second.token)).session.id, await idOf(second), 'its own token is one');
  const opened = await bearerSession(token);
  if (OURS.listedTokensAreCredentials) assert.equal(token, second.token);
  else assert.equal(opened, null, 'a handle opens nothing');
});

await step('revoke-session ends the one that is named', async () => {
  const first = await person();
  const [second, third] = [await anotherDevice(first), await anotherDevice(first)];
  const { token } = await listed(first, await idOf(second));
  assert.deepEqual((await ok(first.client.revokeSession({ token }))).data, { status: true });
  assert.equal(await second.at.signedIn(), null);
  assert.deepEqual(second.at.held(), [], 'and its cookie is expired');
  assert.equal(await bearerSession(second.token), null);
  assertUser((await first.at.signedIn()).user, { id: first.id });
  assertUser((await third.at.signedIn()).user, { id: first.id });
  assert.equal((await ok(first.client.listSessions())).data.length, 2);
});

await step('revoke-session of nothing and of a stranger changes nothing', async () => {
  const [mine, stranger] = [await person(), await person()];
  for (const token of ['nothing', stranger.token, (await listed(stranger, await idOf(stranger))).token]) {
    assert.deepEqual((await ok(mine.client.revokeSession({ token }))).data, { status: true });
  }
  assert.ok(await stranger.at.signedIn());
  assert.ok(await mine.at.signedIn());
  assertAnswer(await mine.at.http('/revoke-session', { method: 'POST', json: {} }), 400, 'VALIDATION_ERROR');
});

await step('revoke-session of the own session signs out', async () => {
  const { at, client, token } = await person();
  await ok(client.revokeSession({ token }));
  assert.deepEqual(at.held(), [], 'the cookies are expired');
  assert.equal(await bearerSession(token), null);
});

await step('revoke-other-sessions leaves this one', async () => {
  const first = await person();
  const others = [await anotherDevice(first), await anotherDevice(first)];
  assert.deepEqual((await ok(first.client.revokeOtherSessions())).data, { status: true });
  for (const { at } of others) assert.equal(await at.signedIn(), null);
  assert.ok(await first.at.signedIn());
  assert.equal((await ok(first.client.listSessions())).data.length, 1);
});

await step('revoke-sessions ends all', async () => {
  const first = await person();
  const second = await anotherDevice(first);
  const [stolen, stranger] = [first.at.copy(), await person()];
  assert.deepEqual((await ok(first.client.revokeSessions())).data, { status: true });
  assert.deepEqual(first.at.held(), [], 'the cookies are expired');
  assert.equal(await stolen.signedIn(), null);
  assert.equal(await second.at.signedIn(), null);
  assert.ok(await stranger.at.signedIn());
});

await step('update-session has no fields', async () => {
  const { at, client, id } = await person();
  const before = await at.signedIn();
  // The client makes a GET of a call without arguments.
  assertMessage(await client.updateSession({ nothing: 'known' }), 400, 'No fields to update');
  const answer = await at.http('/update-session', { method: 'POST', json: {} });
  assertAnswer(answer, 400);
  assert.equal(answer.body.message, 'No fields to update');
  const forged = { userId: 'x', token: 'y', expiresAt: new Date(0), impersonatedBy: id };
  assert.equal((await at.http('/update-session', { method: 'POST', json: forged })).status, 400);
  assert.deepEqual(await at.signedIn(), before);
});

await step('sign-out leaves the other sessions', async () => {
  const first = await person();
  const second = await anotherDevice(first);
  const stolen = first.at.copy();
  await ok(first.client.signOut());
  assert.equal(await stolen.signedIn(), null);
  assert.ok(await second.at.signedIn());
  assert.equal((await ok(second.client.listSessions())).data.length, 1);
});

await step('an identifier in the body is not an identity', async () => {
  const victim = await person();
  const { http } = device();
  const { id: userId } = victim;
  const bodies = {
    '/revoke-sessions': { userId },
    '/update-user': { userId, name: 'X' },
    '/change-password': { userId, newPassword: OTHER_PASSWORD, currentPassword: PASSWORD },
    '/get-access-token': { userId, accountId: 'x' },
    '/refresh-token': { userId, accountId: 'x' },
    '/admin/has-permission': { userId, role: 'admin', permissions: { user: ['list'] } },
  };
  for (const [path, json] of Object.entries(bodies)) assertAnswer(await http(path, { method: 'POST', json }), 401);
  assertAnswer(await http(`/list-accounts?userId=${userId}`), 401);
  assert.ok(await victim.at.signedIn());
});

finish();
