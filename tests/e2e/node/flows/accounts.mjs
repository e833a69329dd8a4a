// The accounts of a person at providers: tokens, linking, unlinking.
import assert from 'node:assert/strict';
import {
  GITHUB,
  ID,
  OIDC,
  OLD_CLIENT,
  OURS,
  PASSWORD,
  anotherDevice,
  assertAnswer,
  assertDate,
  assertDatesOnTheWire,
  assertEmpty,
  assertError,
  assertKeys,
  assertRedirectedWith,
  assertSeconds,
  assertUser,
  browse,
  control,
  device,
  finish,
  gitHubAccount,
  mailedLink,
  ok,
  openIdAccount,
  person,
  signInAt,
  step,
} from './lib.mjs';

/** The argument that names an account: its row, or its provider as before 1.7. */
const naming = (account) =>
  OLD_CLIENT && OURS.oldForms ? { providerId: account.providerId } : { accountId: account.id };

const listed = async (client) => (await ok(client.listAccounts())).data;

const accountAt = async (client, provider) => (await listed(client)).find(({ providerId }) => providerId === provider);

/** Somebody who came by the OpenID provider. */
async function comer(more) {
  const who = await openIdAccount(more);
  const { at, client } = await signInAt('school', { loginHint: who.sub });
  return { who, at, client, account: await accountAt(client, 'school'), user: (await at.signedIn()).user };
}

/** Links at a provider and answers where the browser ends up. */
async function link(from, provider) {
  const { data } = await ok(from.client.linkSocial({ provider, callbackURL: '/linked', errorCallbackURL: '/sorry' }));
  assertKeys(data, ['url', 'redirect']);
  assert.equal(data.redirect, true);
  return browse(from.at, data.url);
}

/** The same at the OpenID provider as a certain account. */
async function linkAs(from, who) {
  await control(OIDC, { account: who.sub });
  return link(from, 'school');
}

const userInfo = async (accessToken) => {
  const answer = await fetch(`${OIDC}/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  return answer.status === 200 ? answer.json() : null;
};

const refreshes = async () => (await control(OIDC)).calls.filter(({ endpoint }) => endpoint === 'token').length;

await control(OIDC, { reset: true });
await control(GITHUB, { reset: true });

await step('list-accounts shows the accounts without secrets', async () => {
  const { client, id, at } = await person();
  const [credential, ...none] = await listed(client);
  assert.equal(none.length, 0);
  const members = ['id', 'providerId', 'accountId', 'userId', 'createdAt', 'updatedAt', 'scopes'];
  assertKeys(credential, members);
  assert.match(credential.id, ID);
  assert.deepEqual([credential.providerId, credential.accountId, credential.userId], ['credential', id, id]);
  assert.deepEqual(credential.scopes, []);
  assertDate(credential.createdAt);
  assertDate(credential.updatedAt);
  assertDatesOnTheWire((await at.http('/list-accounts')).body);

  const social = await comer();
  assertKeys(social.account, members);
  assert.deepEqual([social.account.accountId, social.account.userId], [social.who.sub, social.user.id]);
  assert.deepEqual(new Set(social.account.scopes), new Set(['openid', 'email', 'profile', 'offline_access']));
  assertError(await device().client.listAccounts(), 401, 'UNAUTHORIZED');
});

await step('get-access-token answers a token that works at the provider', async () => {
  const { client, account, who } = await comer();
  const { data } = await ok(client.getAccessToken(naming(account)));
  assertKeys(data, ['accessToken', 'scopes'], ['accessTokenExpiresAt', 'idToken']);
  assertDate(data.accessTokenExpiresAt);
  assertSeconds(data.accessTokenExpiresAt - Date.now(), 3600, 'the life of the access token');
  assert.equal(data.idToken.split('.').length, 3);
  assert.deepEqual(new Set(data.scopes), new Set(account.scopes));
  assert.equal((await userInfo(data.accessToken)).sub, who.sub);
  assert.equal(
    (await ok(client.getAccessToken(naming(account)))).data.accessToken,
    data.accessToken,
    'no refresh without need',
  );
});

await step('get-access-token refreshes a token that is about to end', async () => {
  await control(OIDC, { accessTokenTtl: 3 });
  const { client, account, who } = await comer();
  await control(OIDC, { accessTokenTtl: 3600 });
  const before = await refreshes();
  const { data } = await ok(client.getAccessToken(naming(account)));
  assert.equal(await refreshes(), before + 1);
  assertSeconds(data.accessTokenExpiresAt - Date.now(), 3600, 'the life of the new access token');
  assert.equal((await userInfo(data.accessToken)).sub, who.sub);
  assert.equal((await ok(client.getAccessToken(naming(account)))).data.accessToken, data.accessToken, 'it is kept');
  assert.equal(await refreshes(), before + 1);
});

await step('a provider that does not refresh is FAILED_TO_GET_ACCESS_TOKEN', async () => {
  await control(OIDC, { accessTokenTtl: 3 });
  const { client, account } = await comer();
  await control(OIDC, { accessTokenTtl: 3600, fail: { token: 400 } });
  const answer = await client.getAccessToken(naming(account));
  const refreshed = await client.refreshToken(naming(account));
  await control(OIDC, { fail: {} });
  assertError(answer, 400, 'FAILED_TO_GET_ACCESS_TOKEN');
  assertError(refreshed, 400, 'FAILED_TO_REFRESH_ACCESS_TOKEN');
});

await step('refresh-token answers all there is, again and again', async () => {
  const { client, account, who } = await comer();
  const first = (await ok(client.getAccessToken(naming(account)))).data.accessToken;
  let last = first;
  for (let turn = 0; turn < 3; turn += 1) {
    const { data } = await ok(client.refreshToken(naming(account)));
    assertKeys(
      data,
      ['accessToken', 'refreshToken', 'accessTokenExpiresAt', 'scope', 'idToken', 'providerId', 'accountId'],
      ['refreshTokenExpiresAt'],
    );
    assert.notEqual(data.accessToken, last);
    last = data.accessToken;
    assertDate(data.accessTokenExpiresAt);
    assert.deepEqual(new Set(data.scope.split(',')), new Set(account.scopes));
    assert.equal(data.providerId, 'school');
    // Before 1.7 it was the identifier at the provider.
    assert.ok([account.id, ...(OLD_CLIENT ? [account.accountId] : [])].includes(data.accountId));
    assert.equal((await userInfo(data.accessToken)).sub, who.sub);
  }
  assert.equal((await ok(client.getAccessToken(naming(account)))).data.accessToken, last);
});

await step('GitHub gives no refresh token', async () => {
  await gitHubAccount();
  const { client } = await signInAt('github');
  const account = await accountAt(client, 'github');
  const { data } = await ok(client.getAccessToken(naming(account)));
  assert.match(data.accessToken, /^gho_/);
  assert.deepEqual(new Set(data.scopes), new Set(['read:user', 'user:email']));
  assertKeys(data, ['accessToken', 'scopes']);
  assertError(await client.refreshToken(naming(account)), 400, 'REFRESH_TOKEN_NOT_FOUND');
});

await step('a password is no provider', async () => {
  const { client } = await person();
  const [account] = await listed(client);
  assertError(await client.getAccessToken(naming(account)), 400, 'PROVIDER_NOT_SUPPORTED');
  assertError(await client.refreshToken(naming(account)), 400, 'PROVIDER_NOT_SUPPORTED');
  assertError(await client.accountInfo({ query: { accountId: account.id } }), 400, 'PROVIDER_NOT_CONFIGURED');
});

await step('the accounts of others, unknown ones, no session', async () => {
  const [mine, theirs] = [await comer(), await comer()];
  for (const accountId of [theirs.account.id, 'x'.repeat(32)]) {
    for (const call of ['getAccessToken', 'refreshToken', 'unlinkAccount']) {
      // One account alone cannot be unlinked, whichever is named.
      const code = call === 'unlinkAccount' ? 'FAILED_TO_UNLINK_LAST_ACCOUNT' : 'ACCOUNT_NOT_FOUND';
      assertError(await mine.client[call]({ accountId }), 400, code);
    }
    assertError(await mine.client.accountInfo({ query: { accountId } }), 400, 'ACCOUNT_NOT_FOUND');
  }
  const { client } = device();
  assertEmpty(await client.getAccessToken({ accountId: theirs.account.id }), 401);
  assertEmpty(await client.refreshToken({ accountId: theirs.account.id }), 401);
  assertEmpty(await client.accountInfo({ query: { accountId: theirs.account.id } }), 401);
  assertError(await client.unlinkAccount({ accountId: theirs.account.id }), 401, 'UNAUTHORIZED');
  assert.ok(await accountAt(theirs.client, 'school'));
});

await step('a body that says nothing, or more than it may', async () => {
  const { at, account } = await comer();
  const post = (json) => at.http('/get-access-token', { method: 'POST', json });
  assertAnswer(await post({}), 400, 'VALIDATION_ERROR');
  assertAnswer(await post({ accountId: account.id, surprise: 1 }), 400, 'VALIDATION_ERROR');
});

await step('account-info asks the provider', async () => {
  const { client, account, who } = await comer();
  const accountId = OLD_CLIENT && OURS.oldForms ? account.accountId : account.id;
  const { data } = await ok(client.accountInfo({ query: { accountId } }));
  assertKeys(data, ['user', 'data', 'account']);
  assert.deepEqual(data.account, { id: account.id, providerId: 'school', accountId: who.sub });
  assert.deepEqual([data.user.name, data.user.email, data.user.emailVerified], [who.name, who.email, true]);
  assert.equal(data.user.image, who.picture);
  assert.equal(data.data.sub, who.sub);
});

await step('account-info of GitHub', async () => {
  const { email, id } = await gitHubAccount({ user: { name: 'Octo' } });
  const { client } = await signInAt('github');
  const account = await accountAt(client, 'github');
  const { data } = await ok(client.accountInfo({ query: { accountId: account.id } }));
  assert.deepEqual([data.user.name, data.user.email, data.user.emailVerified], ['Octo', email, true]);
  assert.equal(String(data.data.id), id);
});

await step('link-social links an account with the same address', async () => {
  const local = await person();
  const who = await openIdAccount({ email: local.email.toUpperCase() });
  const { location } = await linkAs(local, who);
  assert.equal(location, '/linked');
  const account = await accountAt(local.client, 'school');
  assert.deepEqual([account.accountId, account.userId], [who.sub, local.id]);
  assert.equal((await local.at.signedIn()).session.token, local.token, 'the session stays');
  const again = await signInAt('school', { loginHint: who.sub });
  assertUser((await again.at.signedIn()).user, { id: local.id, email: local.email });
});

await step('link-social with an ID token', async () => {
  const social = await comer();
  const { idToken } = (await ok(social.client.getAccessToken(naming(social.account)))).data;
  const { nonce } = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'));
  const link = (client, token) => client.linkSocial({ provider: 'school', idToken: { token, nonce } });
  const { data } = await ok(link(social.client, idToken));
  assert.deepEqual(data, { url: '', status: true, redirect: false });
  assert.equal((await listed(social.client)).length, 1);
  const local = await person();
  assertError(await link(local.client, `${idToken}x`), 401, 'INVALID_TOKEN');
  const refused = await link(local.client, idToken);
  assert.ok(
    ['SOCIAL_ACCOUNT_ALREADY_LINKED', 'LINKING_DIFFERENT_EMAILS_NOT_ALLOWED'].includes(refused.error?.code),
    JSON.stringify(refused),
  );
  assert.equal((await listed(local.client)).length, 1);
});

await step('linking what is linked already is fine', async () => {
  const local = await person();
  const who = await openIdAccount({ email: local.email });
  for (let turn = 0; turn < 2; turn += 1) assert.equal((await linkAs(local, who)).location, '/linked');
  assert.equal((await listed(local.client)).length, 2);
});

await step('another address, an unverified one, somebody else: not linked', async () => {
  const local = await person();
  const other = await openIdAccount();
  assertRedirectedWith(await linkAs(local, other), '/sorry', 'email_does_not_match');
  const unverified = await openIdAccount({ email: local.email, email_verified: false });
  assertRedirectedWith(await linkAs(local, unverified), '/sorry', 'unable_to_link_account');
  const { who, client } = await comer();
  await control(OIDC, { change: { [who.sub]: { email: local.email } } });
  assertRedirectedWith(await linkAs(local, who), '/sorry', 'account_already_linked_to_different_user');
  assert.equal((await listed(local.client)).length, 1);
  assert.ok(await accountAt(client, 'school'));
});

await step('the browser of somebody else cannot finish a link', async () => {
  const [attacker, victim] = [await person(), await person()];
  const who = await openIdAccount({ email: attacker.email });
  await control(OIDC, { account: who.sub });
  const { data } = await ok(
    attacker.client.linkSocial({ provider: 'school', callbackURL: '/linked', errorCallbackURL: '/sorry' }),
  );
  await browse(victim.at, data.url);
  assert.equal((await listed(victim.client)).length, 1);
  assert.equal((await listed(attacker.client)).length, 1);
  assert.equal((await victim.at.signedIn()).user.id, victim.id, 'the session stays');
});

await step('a session that ended meanwhile cannot finish a link', async () => {
  const local = await person();
  const other = await anotherDevice({ email: local.email, password: PASSWORD });
  const who = await openIdAccount({ email: local.email });
  await control(OIDC, { account: who.sub });
  const { data } = await ok(
    local.client.linkSocial({ provider: 'school', callbackURL: '/linked', errorCallbackURL: '/sorry' }),
  );
  await ok(other.client.revokeOtherSessions());
  const { url } = await browse(local.at, data.url);
  assert.equal(url.pathname, '/sorry');
  assert.equal((await listed(other.client)).length, 1);
});

await step('link-social refuses', async () => {
  const { client } = await person();
  const refused = (options) => client.linkSocial({ provider: 'school', callbackURL: '/linked', ...options });
  assertError(await refused({ provider: 'myspace' }), 404, 'PROVIDER_NOT_FOUND');
  assertError(await refused({ callbackURL: 'https://evil.example' }), 403, 'INVALID_CALLBACK_URL');
  assertError(await refused({ errorCallbackURL: 'https://evil.example' }), 403, 'INVALID_ERROR_CALLBACK_URL');
  assertError(await device().client.linkSocial({ provider: 'school', callbackURL: '/linked' }), 401, 'UNAUTHORIZED');
});

await step('link-social with more scopes and without a redirect', async () => {
  const { client } = await person();
  const { data } = await ok(
    client.linkSocial({ provider: 'github', callbackURL: '/linked', scopes: ['gist'], disableRedirect: true }),
  );
  assert.equal(data.redirect, false);
  assert.deepEqual(
    new Set(new URL(data.url).searchParams.get('scope').split(' ')),
    new Set(['read:user', 'user:email', 'gist']),
  );
});

await step('unlink-account takes a provider away, but not the last way in', async () => {
  const local = await person();
  const who = await openIdAccount({ email: local.email });
  await linkAs(local, who);
  const account = await accountAt(local.client, 'school');
  assertError(await local.client.unlinkAccount({ accountId: 'x'.repeat(32) }), 400, 'ACCOUNT_NOT_FOUND');
  assert.deepEqual((await ok(local.client.unlinkAccount(naming(account)))).data, { status: true });
  const [credential, ...none] = await listed(local.client);
  assert.deepEqual([credential.providerId, none.length], ['credential', 0]);
  assertError(await local.client.unlinkAccount(naming(credential)), 400, 'FAILED_TO_UNLINK_LAST_ACCOUNT');
  const back = await signInAt('school', { loginHint: who.sub });
  assertRedirectedWith(back, '/sorry', 'account_not_linked');
  const social = await comer();
  assertError(await social.client.unlinkAccount(naming(social.account)), 400, 'FAILED_TO_UNLINK_LAST_ACCOUNT');
});

await step('somebody without a password gets one by a reset', async () => {
  const { client, who, user } = await comer();
  assertError(
    await client.changePassword({ currentPassword: PASSWORD, newPassword: PASSWORD }),
    400,
    'CREDENTIAL_ACCOUNT_NOT_FOUND',
  );
  await ok(device().client.requestPasswordReset({ email: who.email, redirectTo: '/new-password' }));
  const { url } = await browse(device(), await mailedLink(who.email, '/reset-password/'));
  await ok(device().client.resetPassword({ token: url.searchParams.get('token'), newPassword: PASSWORD }));
  const again = await anotherDevice({ email: who.email, password: PASSWORD });
  assert.equal(again.id, user.id);
  assert.deepEqual(
    new Set((await listed(again.client)).map(({ providerId }) => providerId)),
    new Set(['school', 'credential']),
  );
});

if (OURS.oldForms) {
  await step('the call forms of the old client', async () => {
    const { at, account } = await comer();
    const post = (path, json) => at.http(path, { method: 'POST', json });
    // 1.4 took the row id here and the identifier at the provider in unlink-account and account-info.
    for (const accountId of [undefined, account.id, account.accountId]) {
      const names = { providerId: 'school', accountId };
      for (const path of ['/get-access-token', '/refresh-token']) assertAnswer(await post(path, names), 200);
    }
    assertAnswer(await post('/get-access-token', { providerId: 'github' }), 400, 'ACCOUNT_NOT_FOUND');
    const info = await at.http(`/account-info?accountId=${account.accountId}`);
    assertAnswer(info, 200);
    assertAnswer(await post('/unlink-account', { providerId: 'school' }), 400, 'FAILED_TO_UNLINK_LAST_ACCOUNT');
    const local = await person();
    const who = await openIdAccount({ email: local.email });
    await linkAs(local, who);
    const names = { providerId: 'school', accountId: who.sub };
    assertAnswer(await local.at.http('/unlink-account', { method: 'POST', json: names }), 200);
    assert.equal((await listed(local.client)).length, 1);
    const asked = await post('/oauth2/link', { providerId: 'school', callbackURL: '/linked' });
    assertAnswer(asked, 200);
    assertKeys(asked.body, ['url', 'redirect']);
  });
}

finish();
