// Another e-mail address.
import assert from 'node:assert/strict';
import {
  BASE,
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
  freshEmail,
  mailCount,
  mailedLink,
  ok,
  person,
  step,
} from './lib.mjs';

const userOf = async (at) => (await at.signedIn()).user;

await step('a verified address: the old one confirms, the new one verifies, then it is swapped', async () => {
  const { at, client, email, id } = await person({ verified: true });
  const newEmail = freshEmail('new');
  const asked = await ok(client.changeEmail({ newEmail: newEmail.toUpperCase(), callbackURL: '/changed' }));
  assert.deepEqual(asked.data, { status: true });
  const confirm = await mailedLink(email, '/verify-email');
  assert.equal(new URL(confirm).searchParams.get('callbackURL'), '/changed');
  assert.equal(await mailCount(newEmail, '/'), 0, 'nothing to the new one yet');
  assertUser(await userOf(at), { email });

  assert.equal((await browse(device(), confirm)).location, '/changed');
  const verify = await mailedLink(newEmail, '/verify-email');
  assertUser(await userOf(at), { email });

  const last = await browse(at, verify);
  assert.equal(last.location, '/changed');
  assert.equal(last.url.searchParams.get('error'), null);
  const again = await anotherDevice({ email: newEmail, password: PASSWORD });
  assertUser(await userOf(again.at), { id, email: newEmail, emailVerified: true });
  await assertSignInFails(email, PASSWORD);
});

await step('an unverified address: the new one verifies', async () => {
  const { at, client, email, id } = await person();
  const newEmail = freshEmail('new');
  assert.deepEqual((await ok(client.changeEmail({ newEmail, callbackURL: '/changed' }))).data, { status: true });
  const { location } = await browse(at, await mailedLink(newEmail, '/verify-email'));
  assert.equal(location, '/changed');
  const again = await anotherDevice({ email: newEmail, password: PASSWORD });
  assertUser(await userOf(again.at), { id, email: newEmail, emailVerified: false });
  await assertSignInFails(email, PASSWORD);
});

await step('without a callbackURL the last link answers the user', async () => {
  const { at, client, id } = await person();
  const newEmail = freshEmail('new');
  await ok(client.changeEmail({ newEmail }));
  const token = new URL(await mailedLink(newEmail, '/verify-email')).searchParams.get('token');
  const { data } = await ok(at.client.verifyEmail({ query: { token } }));
  assert.equal(data.status, true);
  assertUser(data.user, { id, email: newEmail });
});

await step('an address that is taken answers the same and changes nothing', async () => {
  const [{ at, client, email }, other] = [await person({ verified: true }), await person()];
  await mailedLink(other.email, '/verify-email');
  const before = await mailCount(other.email, '/');
  assert.deepEqual((await ok(client.changeEmail({ newEmail: other.email }))).data, { status: true });
  assertUser(await userOf(at), { email });
  assertUser(await userOf(other.at), { email: other.email });
  assert.equal(await mailCount(other.email, '/'), before);
});

await step('an address that is taken in the meantime stays with who took it', async () => {
  const { at, client, email } = await person();
  const newEmail = freshEmail('new');
  await ok(client.changeEmail({ newEmail, callbackURL: '/changed' }));
  const link = await mailedLink(newEmail, '/verify-email');
  const winner = await person({ email: newEmail });
  await browse(at, link);
  assertUser(await userOf(winner.at), { email: newEmail });
  const session = await at.signedIn();
  assert.ok(session === null || session.user.email === email);
});

await step('refusals', async () => {
  const { at, client, email } = await person();
  assertMessage(await client.changeEmail({ newEmail: email.toUpperCase() }), 400, 'Email is the same');
  const bad = await client.changeEmail({ newEmail: 'nobody' });
  assert.equal(bad.error.status, 400);
  assert.ok(['VALIDATION_ERROR', 'INVALID_EMAIL'].includes(bad.error.code), JSON.stringify(bad.error));
  assertError(
    await client.changeEmail({ newEmail: freshEmail(), callbackURL: 'https://evil.example' }),
    403,
    'INVALID_CALLBACK_URL',
  );
  assertError(await device().client.changeEmail({ newEmail: freshEmail() }), 401, 'UNAUTHORIZED');
  assertAnswer(await at.http('/change-email', { method: 'POST', json: {} }), 400, 'VALIDATION_ERROR');
  assertUser(await userOf(at), { email });
});

await step('the link of one purpose is no link of another', async () => {
  const { client, email, at } = await person({ verified: true });
  const newEmail = freshEmail('new');
  await ok(client.changeEmail({ newEmail, callbackURL: '/changed' }));
  const token = new URL(await mailedLink(email, '/verify-email')).searchParams.get('token');
  for (const path of ['/delete-user/callback?token=', '/reset-password?token=']) {
    const post = path.startsWith('/reset');
    const answer = await at.http(
      `${BASE}${path}${token}`,
      post ? { method: 'POST', json: { newPassword: PASSWORD } } : {},
    );
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
  }
  assertUser(await userOf(at), { email });
});

finish();
