// Signing in at a provider: an OpenID one and GitHub.
import assert from 'node:assert/strict';
import {
  BASE,
  BASE_URL,
  GITHUB,
  OIDC,
  OLD_CLIENT,
  OURS,
  PASSWORD,
  admin,
  anotherDevice,
  assertAnswer,
  assertError,
  assertKeys,
  assertRedirectedWith,
  assertSignInFails,
  assertUser,
  browse,
  control,
  device,
  finish,
  freshEmail,
  gitHubAccount,
  mailedLink,
  ok,
  openIdAccount,
  person,
  signInAt,
  step,
} from './lib.mjs';

const isCallback = (url) => url.origin === BASE_URL && url.pathname.includes('/callback/');
const nobody = async (at) => assert.equal(await at.signedIn(), null, 'nobody is signed in');

/** Changes the parameters with which the provider sends the browser back. */
const onCallback = (change) => (url) => {
  if (isCallback(url)) change(url.searchParams, url);
  return url;
};

await control(OIDC, { reset: true });
await control(GITHUB, { reset: true });

await step('sign-in at a provider starts with an address and a state', async () => {
  const at = device();
  const { data } = await ok(
    at.client.signIn.social({ provider: 'school', callbackURL: '/home', loginHint: 'somebody' }),
  );
  assertKeys(data, ['url', 'redirect']);
  assert.equal(data.redirect, true);
  assert.equal(at.answer.headers.get('location'), data.url);
  const url = new URL(data.url);
  assert.equal(url.origin, OIDC);
  const asked = Object.fromEntries(url.searchParams);
  assert.equal(asked.response_type, 'code');
  assert.equal(asked.client_id, 'school-client');
  assert.equal(asked.redirect_uri, `${BASE}/callback/school`);
  assert.deepEqual(new Set(asked.scope.split(' ')), new Set(['openid', 'email', 'profile', 'offline_access']));
  assert.match(asked.state, /^[A-Za-z0-9_-]{32}$/);
  assert.equal(asked.code_challenge_method, 'S256');
  assert.match(asked.code_challenge, /^[\w-]{43}$/);
  assert.ok(asked.nonce, 'a nonce');
  assert.equal(asked.login_hint, 'somebody');
  const { value, attributes } = at.cookies.get('better-auth.state');
  assert.match(decodeURIComponent(value), /\.[A-Za-z0-9+/]{43}=$/);
  assert.equal(attributes['max-age'], '300');
  const again = new URL((await ok(device().client.signIn.social({ provider: 'school' }))).data.url).searchParams;
  for (const once of ['state', 'nonce', 'code_challenge'])
    assert.notEqual(again.get(once), asked[once], `${once} is new every time`);
});

await step('disableRedirect, and more scopes', async () => {
  const at = device();
  const { data } = await ok(at.client.signIn.social({ provider: 'school', disableRedirect: true, scopes: ['email'] }));
  assert.equal(data.redirect, false);
  assert.ok(new URL(data.url).searchParams.get('scope').split(' ').includes('openid'));
});

await step('a new person gets an account, a session, and the page for new ones', async () => {
  const who = await openIdAccount();
  const { at, url, location } = await signInAt('school', { loginHint: who.sub });
  assert.deepEqual([url.pathname, location], ['/hello', '/hello']);
  const { user, session } = await at.signedIn();
  assertUser(user, { email: who.email, name: who.name, image: who.picture, emailVerified: true, role: 'student' });
  assert.equal(session.userId, user.id);
  assert.equal(at.cookies.get('better-auth.session_token').attributes['max-age'], '604800');
  assert.equal(at.cookie('state'), undefined, 'the state is expired');
  await assertSignInFails(who.email, PASSWORD);
});

await step('the second time it is the same account, and the other page', async () => {
  const who = await openIdAccount();
  const first = await signInAt('school', { loginHint: who.sub });
  const second = await signInAt('school', { loginHint: who.sub });
  assert.equal(second.location, '/home');
  assert.equal((await second.at.signedIn()).user.id, (await first.at.signedIn()).user.id);
});

await step('without a page for new ones they go to callbackURL; absolute ones are kept as they are', async () => {
  const who = await openIdAccount();
  const options = { loginHint: who.sub, callbackURL: `${BASE_URL}/home?x=1#y`, newUserCallbackURL: undefined };
  assert.equal((await signInAt('school', options)).location, `${BASE_URL}/home?x=1#y`);
});

await step('an unverified address makes an unverified account', async () => {
  const who = await openIdAccount({ email_verified: false });
  const { at } = await signInAt('school', { loginHint: who.sub });
  assertUser((await at.signedIn()).user, { email: who.email, emailVerified: false });
});

await step('what the ID token does not say is asked at the userinfo endpoint', async () => {
  await control(OIDC, { claimsInIdToken: false });
  const who = await openIdAccount();
  const { at } = await signInAt('school', { loginHint: who.sub });
  await control(OIDC, { claimsInIdToken: true });
  assertUser((await at.signedIn()).user, { email: who.email, name: who.name, emailVerified: true });
});

await step('the account is that of the subject: a changed address changes nothing here', async () => {
  const who = await openIdAccount();
  const first = await signInAt('school', { loginHint: who.sub });
  const { id } = (await first.at.signedIn()).user;
  await control(OIDC, { change: { [who.sub]: { email: freshEmail('moved') } } });
  const { at, location } = await signInAt('school', { loginHint: who.sub });
  assert.equal(location, '/home');
  assertUser((await at.signedIn()).user, { id, email: who.email });
  const recycled = await openIdAccount({ email: freshEmail('moved') });
  assert.notEqual((await (await signInAt('school', { loginHint: recycled.sub })).at.signedIn()).user.id, id);
});

await step('a verified address here and there is one person', async () => {
  const local = await person({ verified: true });
  const who = await openIdAccount({ email: local.email.toUpperCase() });
  const { at, client, location } = await signInAt('school', { loginHint: who.sub });
  assert.equal(location, '/home', 'nobody new');
  assertUser((await at.signedIn()).user, { id: local.id, email: local.email });
  const providers = (await ok(client.listAccounts())).data.map(({ providerId }) => providerId);
  assert.deepEqual(new Set(providers), new Set(['credential', 'school']));
  await anotherDevice(local);
});

await step('account_not_linked when the address here is not verified', async () => {
  const local = await person();
  const who = await openIdAccount({ email: local.email });
  const back = await signInAt('school', { loginHint: who.sub });
  assertRedirectedWith(back, '/sorry', 'account_not_linked');
  await nobody(back.at);
  assert.equal((await ok(local.client.listAccounts())).data.length, 1);
});

await step('account_not_linked when the address there is not verified', async () => {
  const local = await person({ verified: true });
  const who = await openIdAccount({ email: local.email, email_verified: false });
  const back = await signInAt('school', { loginHint: who.sub });
  assertRedirectedWith(back, '/sorry', 'account_not_linked');
  await nobody(back.at);
});

await step('email_not_found', async () => {
  const who = await openIdAccount();
  await control(OIDC, { dropEmail: true });
  const back = await signInAt('school', { loginHint: who.sub });
  await control(OIDC, { dropEmail: false });
  assertRedirectedWith(back, '/sorry', 'email_not_found');
  await nobody(back.at);
});

await step('the error of the provider reaches the page, or the error page', async () => {
  await control(OIDC, { authorizeError: 'access_denied' });
  const back = await signInAt('school');
  assertRedirectedWith(back, '/sorry', 'access_denied');
  assert.equal(back.url.searchParams.get('error_description'), 'told to answer so');
  await nobody(back.at);
  const { visited } = await signInAt('school', { errorCallbackURL: undefined });
  await control(OIDC, { authorizeError: null });
  const page = visited.find((url) => url.startsWith(`${BASE}/error`));
  assert.equal(new URL(page).searchParams.get('error'), 'access_denied');
});

await step('an errorCallbackURL with a query keeps it', async () => {
  await control(OIDC, { authorizeError: 'access_denied' });
  const back = await signInAt('school', { errorCallbackURL: '/sorry?from=school' });
  await control(OIDC, { authorizeError: null });
  assertRedirectedWith(back, '/sorry', 'access_denied');
  assert.equal(back.url.searchParams.get('from'), 'school');
});

await step('no_code, invalid_code, issuer_mismatch', async () => {
  const who = await openIdAccount();
  const tampered = {
    no_code: (query) => query.delete('code'),
    invalid_code: (query) => query.set('code', 'x'.repeat(43)),
    issuer_mismatch: (query) => query.set('iss', 'https://evil.example'),
  };
  for (const [error, change] of Object.entries(tampered)) {
    const back = await signInAt('school', { loginHint: who.sub }, { edit: onCallback(change) });
    assertRedirectedWith(back, '/sorry', error);
    await nobody(back.at);
  }
});

await step('a token endpoint that fails is invalid_code; a userinfo endpoint, unable_to_get_user_info', async () => {
  const who = await openIdAccount();
  await control(OIDC, { fail: { token: 500 } });
  const first = await signInAt('school', { loginHint: who.sub });
  await control(OIDC, { fail: { userinfo: 500 }, claimsInIdToken: false });
  const second = await signInAt('school', { loginHint: who.sub });
  await control(OIDC, { fail: {}, claimsInIdToken: true });
  assertRedirectedWith(first, '/sorry', 'invalid_code');
  assertRedirectedWith(second, '/sorry', 'unable_to_get_user_info');
  await nobody(first.at);
  await nobody(second.at);
});

await step('a state works once, in the browser that asked, and not when made up', async () => {
  const who = await openIdAccount();
  let callback;
  const remember = onCallback((_, url) => (callback = url.href));
  const { at } = await signInAt('school', { loginHint: who.sub }, { edit: remember });
  assert.ok(await at.signedIn());
  const errorOf = async (browser, url) => {
    const { visited } = await browse(browser, url);
    const error = new URL(visited[1]).searchParams.get('error');
    await nobody(browser);
    return error;
  };
  const states = ['state_mismatch', 'state_not_found', 'state_invalid', 'please_restart_the_process'];
  assert.ok(states.includes(await errorOf(device(), callback)), 'used');
  assert.ok(
    states.includes(await errorOf(device(), `${BASE}/callback/school?code=x&state=${'y'.repeat(32)}`)),
    'made up',
  );
  assert.equal(await errorOf(device(), `${BASE}/callback/school?code=x`), 'state_not_found');

  // An attacker's unfinished sign-in in the browser of a victim.
  let unfinished;
  const attacker = device();
  const stop = onCallback((query, url) => {
    unfinished = url.href;
    query.delete('state');
  });
  await signInAt('school', { loginHint: who.sub }, { at: attacker, edit: stop });
  const victim = device();
  await ok(victim.client.signIn.social({ provider: 'school' }));
  assert.ok(states.includes(await errorOf(victim, unfinished)), 'of another browser');
});

await step('the code of somebody else does not fit the state (PKCE)', async () => {
  const [mine, theirs] = [await openIdAccount(), await openIdAccount()];
  let stolen;
  await signInAt(
    'school',
    { loginHint: theirs.sub },
    {
      edit: onCallback((query) => {
        stolen = query.get('code');
        query.set('code', 'x');
      }),
    },
  );
  const back = await signInAt(
    'school',
    { loginHint: mine.sub },
    { edit: onCallback((query) => query.set('code', stolen)) },
  );
  assertRedirectedWith(back, '/sorry', 'invalid_code');
  await nobody(back.at);
});

await step('the state of one provider does not fit the callback of another', async () => {
  const who = await openIdAccount();
  const edit = onCallback((_, url) => (url.pathname = url.pathname.replace('school', 'google')));
  const back = await signInAt('school', { loginHint: who.sub }, { edit });
  assert.ok(back.url.searchParams.get('error'), back.url.href);
  await nobody(back.at);
});

await step('a posted answer becomes a redirect', async () => {
  const answer = await device().http('/callback/school', { method: 'POST', form: { code: 'x', state: 'y' } });
  assert.equal(answer.status, 302);
  const to = new URL(answer.headers.get('location'));
  assert.equal(to.origin + to.pathname, `${BASE}/callback/school`);
  assert.deepEqual(Object.fromEntries(to.searchParams), { code: 'x', state: 'y' });
});

await step('unknown providers and foreign addresses are refused', async () => {
  const { client } = device();
  const sign = (options) => client.signIn.social({ provider: 'school', ...options });
  assertError(await sign({ provider: 'myspace' }), 404, 'PROVIDER_NOT_FOUND');
  const evil = 'https://evil.example';
  assertError(await sign({ callbackURL: evil }), 403, 'INVALID_CALLBACK_URL');
  assertError(await sign({ errorCallbackURL: evil }), 403, 'INVALID_ERROR_CALLBACK_URL');
  assertError(await sign({ newUserCallbackURL: evil }), 403, 'INVALID_NEW_USER_CALLBACK_URL');
});

await step('somebody banned gets BANNED_USER', async () => {
  const who = await openIdAccount();
  const { at } = await signInAt('school', { loginHint: who.sub });
  const { client } = await admin();
  await ok(client.admin.banUser({ userId: (await at.signedIn()).user.id }));
  const back = await signInAt('school', { loginHint: who.sub });
  assertRedirectedWith(back, '/sorry', 'BANNED_USER');
  await nobody(back.at);
});

await step('somebody new who is not verified can verify by mail', async () => {
  const who = await openIdAccount({ email_verified: false });
  const { at } = await signInAt('school', { loginHint: who.sub });
  await browse(device(), await mailedLink(who.email, '/verify-email'));
  assertUser((await at.signedIn()).user, { emailVerified: true });
});

await step('an ID token instead of a redirect', async () => {
  const who = await openIdAccount();
  const first = await signInAt('school', { loginHint: who.sub });
  const [account] = (await ok(first.client.listAccounts())).data;
  const { idToken } = (await ok(first.client.getAccessToken({ accountId: account.id }))).data;
  const { nonce } = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'));
  const at = device();
  const sign = (provider, token, more) => at.client.signIn.social({ provider, idToken: { token, ...more } });
  const { data } = await ok(sign('school', idToken, { nonce }));
  assertKeys(data, ['redirect', 'token', 'user'], ['url']);
  assert.equal(data.redirect, false);
  assertUser(data.user, { email: who.email });
  assert.equal((await at.signedIn()).session.token, data.token);
  const [head, claims] = idToken.split('.');
  assertError(await sign('school', `${head}.${claims}.${'A'.repeat(342)}`, { nonce }), 401, 'INVALID_TOKEN');
  assertError(await sign('school', idToken, { nonce: 'another' }), 401, 'INVALID_TOKEN');
  assertError(await sign('google', idToken, { nonce }), 401, 'INVALID_TOKEN');
  assertError(await sign('github', idToken), 404, 'ID_TOKEN_NOT_SUPPORTED');
});

await step('Google is a provider too', async () => {
  const who = await openIdAccount();
  const at = device();
  const { data } = await ok(at.client.signIn.social({ provider: 'google' }));
  const asked = Object.fromEntries(new URL(data.url).searchParams);
  assert.deepEqual(new Set(asked.scope.split(' ')), new Set(['email', 'profile', 'openid']));
  assert.equal(asked.include_granted_scopes, 'true');
  assert.equal(asked.redirect_uri, `${BASE}/callback/google`);
  const back = await signInAt('google', { loginHint: who.sub });
  const [account] = (await ok(back.client.listAccounts())).data;
  assert.deepEqual([account.providerId, account.accountId], ['google', who.sub]);
});

await step('GitHub: the primary address when the profile has none', async () => {
  const { email, id } = await gitHubAccount({ user: { email: null, name: 'Octo' } });
  const at = device();
  const { data } = await ok(at.client.signIn.social({ provider: 'github' }));
  const asked = Object.fromEntries(new URL(data.url).searchParams);
  assert.deepEqual(new Set(asked.scope.split(' ')), new Set(['read:user', 'user:email']));
  assert.equal(asked.code_challenge_method, 'S256');
  const back = await signInAt('github');
  assert.equal(back.location, '/hello');
  assertUser((await back.at.signedIn()).user, { email, name: 'Octo', emailVerified: true });
  const [account] = (await ok(back.client.listAccounts())).data;
  assert.deepEqual([account.providerId, account.accountId], ['github', id]);
  assert.deepEqual((await control(GITHUB)).complaints, [], 'GitHub has nothing to complain about');
});

await step('GitHub: no name is the login', async () => {
  await gitHubAccount({ user: { name: null, login: 'octocat' } });
  assertUser((await (await signInAt('github')).at.signedIn()).user, { name: 'octocat' });
});

await step('GitHub: an unverified primary address is unverified and links nothing', async () => {
  const email = freshEmail();
  const emails = [{ email, primary: true, verified: false, visibility: null }];
  await gitHubAccount({ emails });
  assertUser((await (await signInAt('github')).at.signedIn()).user, { email, emailVerified: false });
  const local = await person({ verified: true });
  await gitHubAccount({ emails: [{ ...emails[0], email: local.email }] });
  assertRedirectedWith(await signInAt('github'), '/sorry', 'account_not_linked');
});

await step('GitHub: a verified secondary address of somebody else is not theirs', async () => {
  const local = await person({ verified: true });
  const email = freshEmail('primary');
  await gitHubAccount({
    emails: [
      { email: local.email, primary: false, verified: true, visibility: null },
      { email, primary: true, verified: true, visibility: null },
    ],
  });
  const { at } = await signInAt('github');
  const { user } = await at.signedIn();
  assert.notEqual(user.id, local.id);
  assertUser(user, { email });
});

await step('GitHub: the public address counts as verified only when the list says so', async () => {
  const email = freshEmail('public');
  await gitHubAccount({
    user: { email },
    emails: [{ email: freshEmail(), primary: true, verified: true, visibility: null }],
  });
  const { user } = await (await signInAt('github')).at.signedIn();
  assert.ok(user.email !== email || user.emailVerified === false, JSON.stringify(user));
});

await step('GitHub: without any address email_not_found', async () => {
  await gitHubAccount({ emails: [] });
  assertRedirectedWith(await signInAt('github'), '/sorry', 'email_not_found');
  await gitHubAccount();
  await control(GITHUB, { fail: { emails: 403 } });
  const { url, at } = await signInAt('github');
  assert.equal(url.pathname, '/sorry');
  assert.ok(['email_not_found', 'unable_to_get_user_info'].includes(url.searchParams.get('error')), url.href);
  await nobody(at);
});

await step('GitHub: errors with status 200, a denial, a broken profile', async () => {
  await gitHubAccount();
  await control(GITHUB, { tokenError: 'bad_verification_code' });
  assertRedirectedWith(await signInAt('github'), '/sorry', 'invalid_code');
  await control(GITHUB, { tokenError: null, authorizeError: 'access_denied' });
  assertRedirectedWith(await signInAt('github'), '/sorry', 'access_denied');
  await control(GITHUB, { authorizeError: null, fail: { user: 500 } });
  assertRedirectedWith(await signInAt('github'), '/sorry', 'unable_to_get_user_info');
  await control(GITHUB, { reset: true });
});

if (OURS.oldForms) {
  await step('the calls of the old generic plugin', async () => {
    const who = await openIdAccount();
    const at = device();
    const json = {
      providerId: 'school',
      callbackURL: '/home',
      newUserCallbackURL: '/hello',
      errorCallbackURL: '/sorry',
    };
    const asked = await at.http('/sign-in/oauth2', { method: 'POST', json });
    assertAnswer(asked, 200);
    assertKeys(asked.body, ['url', 'redirect']);
    const url = new URL(asked.body.url);
    url.searchParams.set('login_hint', who.sub);
    assert.equal((await browse(at, url.href)).location, '/hello');
    assertUser((await at.signedIn()).user, { email: who.email });
    if (!OLD_CLIENT) return;
    const other = device();
    const { data } = await ok(other.client.signIn.oauth2(json));
    const again = new URL(data.url);
    again.searchParams.set('login_hint', who.sub);
    assert.equal((await browse(other, again.href)).location, '/home');
  });
}

if (OURS.providerTimeout) {
  await step('a provider that hangs does not hold the browser', async () => {
    const who = await openIdAccount();
    await control(OIDC, { stall: { token: 90_000 } });
    const started = Date.now();
    const back = await signInAt('school', { loginHint: who.sub });
    await control(OIDC, { stall: {} });
    assertRedirectedWith(back, '/sorry', 'invalid_code');
    assert.ok(Date.now() - started < 35_000, 'an answer within 35 s');
  });
}

finish();
