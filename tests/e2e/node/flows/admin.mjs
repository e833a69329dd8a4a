// The admin plugin: every route, for an admin, for others, and for nobody.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ID,
  OTHER_PASSWORD,
  OURS,
  PASSWORD,
  admin,
  anotherDevice,
  assertAnswer,
  assertDatesOnTheWire,
  assertEmpty,
  assertError,
  assertKeys,
  assertMessage,
  assertSeconds,
  assertSession,
  assertSignInFails,
  assertUser,
  bearerSession,
  device,
  finish,
  freshEmail,
  ok,
  person,
  step,
} from './lib.mjs';

const chief = await admin();
const { admin: can } = chief.client;
const NOBODY = 'x'.repeat(32);

/** Creates somebody with a password. */
const create = async (more = {}) => {
  const email = more.email ?? freshEmail('made');
  const { data } = await ok(can.createUser({ email, name: 'Made', password: PASSWORD, ...more }));
  assertKeys(data, ['user']);
  return data.user;
};

const userOf = async (at) => (await at.signedIn())?.user;

await step('without a session everything is 401 with nothing in it', async () => {
  const { admin: none } = device().client;
  const userId = chief.id;
  const calls = [
    none.listUsers({ query: {} }),
    none.getUser({ query: { id: userId } }),
    none.createUser({ email: freshEmail(), name: 'X', password: PASSWORD }),
    none.updateUser({ userId, data: { name: 'X' } }),
    none.setRole({ userId, role: 'admin' }),
    none.banUser({ userId }),
    none.unbanUser({ userId }),
    none.listUserSessions({ userId }),
    none.revokeUserSession({ sessionToken: 'x' }),
    none.revokeUserSessions({ userId }),
    none.impersonateUser({ userId }),
    none.stopImpersonating(),
    none.removeUser({ userId }),
    none.setUserPassword({ userId, newPassword: PASSWORD }),
    none.hasPermission({ permissions: { user: ['list'] } }),
  ];
  for (const call of calls) assertEmpty(await call, 401);
});

for (const role of ['student', 'instructor']) {
  await step(`${role}s may do nothing of it`, async () => {
    const made = await create({ role });
    const { at, client } = await anotherDevice({ email: made.email, password: PASSWORD });
    const { admin: no } = client;
    const userId = chief.id;
    const refused = {
      LIST_USERS: no.listUsers({ query: {} }),
      GET_USER: no.getUser({ query: { id: userId } }),
      CREATE_USERS: no.createUser({ email: freshEmail(), name: 'X', password: PASSWORD }),
      UPDATE_USERS: no.updateUser({ userId, data: { name: 'X' } }),
      CHANGE_USERS_ROLE: no.setRole({ userId: made.id, role: 'admin' }),
      BAN_USERS: no.banUser({ userId }),
      LIST_USERS_SESSIONS: no.listUserSessions({ userId }),
      REVOKE_USERS_SESSIONS: no.revokeUserSessions({ userId }),
      IMPERSONATE_USERS: no.impersonateUser({ userId }),
      DELETE_USERS: no.removeUser({ userId }),
      SET_USERS_PASSWORD: no.setUserPassword({ userId, newPassword: OTHER_PASSWORD }),
    };
    for (const [what, call] of Object.entries(refused)) assertError(await call, 403, `YOU_ARE_NOT_ALLOWED_TO_${what}`);
    assertError(await no.unbanUser({ userId }), 403, 'YOU_ARE_NOT_ALLOWED_TO_BAN_USERS');
    assertError(
      await no.revokeUserSession({ sessionToken: chief.token }),
      403,
      'YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS',
    );
    assert.deepEqual((await ok(no.hasPermission({ permissions: { user: ['list'] } }))).data, {
      error: null,
      success: false,
    });
    assertUser(await userOf(at), { role });
    assert.ok(await chief.at.signedIn());
  });
}

await step('list-users: search, filter, order and pages', async () => {
  const mark = `m${randomBytes(5).toString('hex')}`;
  const people = [];
  for (const [nth, name] of ['Ada', 'Bob', 'Cem', 'Dee', 'Eve'].entries()) {
    people.push(
      await create({
        name: `${name} ${mark}`,
        email: `${name.toLowerCase()}.${mark}@school.example`,
        role: nth < 2 ? 'instructor' : undefined,
      }),
    );
  }
  const list = async (query) => (await ok(can.listUsers({ query }))).data;
  const names = async (query) =>
    (await list(query)).users
      .map(({ name }) => name.split(' ')[0])
      .sort()
      .join('');

  const all = await list({ searchValue: mark });
  assertKeys(all, ['users', 'total']);
  assert.equal(all.total, 5);
  for (const user of all.users)
    assertUser(
      user,
      people.find(({ id }) => id === user.id),
    );
  assertDatesOnTheWire((await chief.at.http(`/admin/list-users?searchValue=${mark}`)).body);

  assert.equal(await names({ searchValue: mark, searchField: 'name', searchOperator: 'ends_with' }), 'AdaBobCemDeeEve');
  assert.equal(await names({ searchValue: `dee.${mark}`, searchOperator: 'starts_with' }), 'Dee');
  assert.equal(
    await names({ searchValue: `${mark}@school.example`, searchOperator: 'ends_with', searchField: 'email' }),
    'AdaBobCemDeeEve',
  );
  assert.equal(await names({ searchValue: `Bob ${mark}`, searchField: 'name', searchOperator: 'contains' }), 'Bob');
  assert.equal(await names({ searchValue: mark, searchField: 'email', searchOperator: 'starts_with' }), '');
  if (OURS.literalSearch) {
    assert.equal(await names({ searchValue: `%${mark}` }), '', 'a percent sign is no wildcard');
    assert.equal(await names({ searchValue: `dee_${mark}` }), '', 'an underscore neither');
  }

  const search = { searchValue: mark };
  assert.equal(await names({ ...search, filterField: 'role', filterValue: 'instructor' }), 'AdaBob');
  assert.equal(
    await names({ ...search, filterField: 'role', filterValue: 'instructor', filterOperator: 'ne' }),
    'CemDeeEve',
  );
  assert.equal(
    await names({ ...search, filterField: 'email', filterValue: people[2].email, filterOperator: 'eq' }),
    'Cem',
  );
  assert.equal(await names({ ...search, filterField: 'name', filterValue: 'E', filterOperator: 'starts_with' }), 'Eve');

  const order = async (query) => (await list({ ...search, ...query })).users.map(({ name }) => name[0]).join('');
  assert.equal(await order({ sortBy: 'name', sortDirection: 'desc' }), 'EDCBA');
  assert.equal(await order({ sortBy: 'name' }), 'ABCDE');
  assert.equal(await order({ sortBy: 'createdAt', sortDirection: 'asc' }), 'ABCDE');

  const page = await list({ ...search, sortBy: 'name', limit: 2, offset: 2 });
  assertKeys(page, ['users', 'total', 'limit', 'offset']);
  assert.deepEqual(
    [page.users.map(({ name }) => name[0]).join(''), page.total, page.limit, page.offset],
    ['CD', 5, 2, 2],
  );
  const first = await list({ ...search, sortBy: 'name', limit: 2 });
  assertKeys(first, ['users', 'total', 'limit']);
  assert.equal(first.users.length, 2);
  assert.equal(
    (await chief.at.http(`/admin/list-users?searchValue=${mark}&limit=undefined&offset=undefined`)).body.total,
    5,
  );
  assertAnswer(await chief.at.http('/admin/list-users?searchOperator=matches'), 400, 'VALIDATION_ERROR');
});

await step('get-user answers a bare user', async () => {
  const made = await create();
  const { data } = await ok(can.getUser({ query: { id: made.id } }));
  assertUser(data, made);
  assertError(await can.getUser({ query: { id: NOBODY } }), 404, 'USER_NOT_FOUND');
});

await step('create-user makes somebody who can sign in', async () => {
  const email = freshEmail('made');
  const made = await create({ email: email.toUpperCase(), name: 'New', role: 'instructor' });
  assert.match(made.id, ID);
  assertUser(made, { email, name: 'New', role: 'instructor', image: null });
  const { at } = await anotherDevice({ email, password: PASSWORD });
  assertUser(await userOf(at), { id: made.id, role: 'instructor' });
  assertUser(await create(), { role: 'student', emailVerified: false });
  assert.equal((await userOf(chief.at)).id, chief.id, 'the admin is still the admin');
  const verified = await create({ data: { emailVerified: true, image: 'https://pictures.example/n.png' } });
  assertUser(verified, { emailVerified: true, image: 'https://pictures.example/n.png' });
});

await step('create-user without a password makes somebody who cannot sign in yet', async () => {
  const email = freshEmail('made');
  await ok(can.createUser({ email, name: 'New' }));
  await assertSignInFails(email, PASSWORD);
});

await step('create-user refuses', async () => {
  const { email } = await create();
  const refused = (more) => can.createUser({ email: freshEmail(), name: 'X', password: PASSWORD, ...more });
  assertError(await refused({ email }), 400, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL');
  assertError(await refused({ email: 'nobody' }), 400, 'INVALID_EMAIL');
  assertError(await refused({ role: 'emperor' }), 400, 'YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE');
  assertError(await refused({ name: undefined }), 400, 'VALIDATION_ERROR');
  // Better-Auth lets an admin choose any password here.
  if (OURS.complexPassword) assertError(await refused({ password: 'Short-1!' }), 400, 'PASSWORD_TOO_SHORT');
});

await step('update-user answers a bare user', async () => {
  const made = await create();
  const email = freshEmail('moved');
  const data = {
    name: 'Changed',
    email: email.toUpperCase(),
    emailVerified: true,
    image: 'https://pictures.example/u.png',
  };
  const { data: user } = await ok(can.updateUser({ userId: made.id, data }));
  assertUser(user, { id: made.id, name: 'Changed', email, emailVerified: true, image: data.image });
  assert.ok(user.updatedAt > made.updatedAt);
  await anotherDevice({ email, password: PASSWORD });
  const promoted = await ok(can.updateUser({ userId: made.id, data: { role: 'instructor' } }));
  assertUser(promoted.data, { role: 'instructor' });
});

await step('update-user refuses', async () => {
  const [made, other] = [await create(), await create()];
  const refused = (data, userId = made.id) => can.updateUser({ userId, data });
  assertError(await refused({}), 400, 'NO_DATA_TO_UPDATE');
  assertError(await refused({ password: OTHER_PASSWORD }), 400, 'PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER');
  assertError(await refused({ id: NOBODY }), 400, 'USER_ID_CANNOT_BE_UPDATED');
  assertError(await refused({ role: 'emperor' }), 400, 'YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE');
  assertError(await refused({ role: 7 }), 400, 'INVALID_ROLE_TYPE');
  assertError(await refused({ email: 'nobody' }), 400, 'INVALID_EMAIL');
  assertError(await refused({ email: other.email }), 400, 'USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL');
  assertError(await refused({ name: 'X' }, NOBODY), 404, 'USER_NOT_FOUND');
  assertError(await refused({ banned: true }, chief.id), 400, 'YOU_CANNOT_BAN_YOURSELF');
  assertUser((await ok(can.getUser({ query: { id: made.id } }))).data, {
    name: 'Made',
    email: made.email,
    role: 'student',
  });
});

await step('set-role changes the role at once', async () => {
  const made = await create();
  const before = await anotherDevice({ email: made.email, password: PASSWORD });
  const { data } = await ok(can.setRole({ userId: made.id, role: 'instructor' }));
  assertKeys(data, ['user']);
  assertUser(data.user, { id: made.id, role: 'instructor' });
  if (OURS.setRoleEndsSessions) assert.equal(await before.at.signedIn(), null);
  else assertUser(await userOf(before.at), { role: 'instructor' });
  const { at } = await anotherDevice({ email: made.email, password: PASSWORD });
  assertUser(await userOf(at), { role: 'instructor' });
  assertUser((await ok(can.setRole({ userId: made.id, role: ['student'] }))).data.user, { role: 'student' });
  assertError(
    await can.setRole({ userId: made.id, role: 'emperor' }),
    400,
    'YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE',
  );
  assertError(await can.setRole({ userId: NOBODY, role: 'student' }), 404, 'USER_NOT_FOUND');
});

await step('a new admin may at once, and no longer when demoted', async () => {
  const made = await create({ role: 'admin' });
  const { client } = await anotherDevice({ email: made.email, password: PASSWORD });
  await ok(client.admin.listUsers({ query: { limit: 1 } }));
  await ok(can.setRole({ userId: made.id, role: 'student' }));
  const refused = await client.admin.listUsers({ query: { limit: 1 } });
  if (OURS.setRoleEndsSessions) assertEmpty(refused, 401);
  else assertError(refused, 403, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS');
});

await step('ban-user ends the sessions and the sign-ins; unban-user lifts it', async () => {
  const { at, email, id, token } = await person();
  const { data } = await ok(can.banUser({ userId: id }));
  assertKeys(data, ['user']);
  assertUser(data.user, { id, banned: true, banReason: 'No reason', banExpires: null });
  assert.equal(await at.signedIn(), null);
  assert.equal(await bearerSession(token), null);
  assertError(await device().client.signIn.email({ email, password: PASSWORD }), 403, 'BANNED_USER');
  await assertSignInFails(email, 'Wrong-Horse-42!');
  const lifted = await ok(can.unbanUser({ userId: id }));
  assertUser(lifted.data.user, { id, banned: false, banReason: null, banExpires: null });
  const again = await anotherDevice({ email, password: PASSWORD });
  assertUser(await userOf(again.at), { banned: false });
});

await step('a ban with an end', async () => {
  const { email, id } = await person();
  const { data } = await ok(can.banUser({ userId: id, banReason: 'spam', banExpiresIn: 3600 }));
  assertUser(data.user, { banned: true, banReason: 'spam' });
  assertSeconds(data.user.banExpires - Date.now(), 3600, 'the ban');
  const short = (await ok(can.banUser({ userId: id, banReason: 'spam', banExpiresIn: 2 }))).data.user;
  assertError(await device().client.signIn.email({ email, password: PASSWORD }), 403, 'BANNED_USER');
  while (Date.now() <= short.banExpires.getTime() + 20) await sleep(50);
  const { at } = await anotherDevice({ email, password: PASSWORD });
  assertUser(await userOf(at), { banned: false, banReason: null, banExpires: null });
});

await step('ban-user refuses', async () => {
  assertError(await can.banUser({ userId: chief.id }), 400, 'YOU_CANNOT_BAN_YOURSELF');
  assertError(await can.banUser({ userId: NOBODY }), 404, 'USER_NOT_FOUND');
  assertError(await can.unbanUser({ userId: NOBODY }), 404, 'USER_NOT_FOUND');
  assert.ok(await chief.at.signedIn());
});

await step('a ban by update-user ends the sessions too', async () => {
  const { at, id } = await person();
  const { data } = await ok(can.updateUser({ userId: id, data: { banned: true, banReason: 'spam' } }));
  assertUser(data, { banned: true, banReason: 'spam' });
  assert.equal(await at.signedIn(), null);
});

await step('the sessions of somebody: list, revoke one, revoke all', async () => {
  const who = await person();
  const others = [await anotherDevice(who), await anotherDevice(who)];
  const { data } = await ok(can.listUserSessions({ userId: who.id }));
  assertKeys(data, ['sessions']);
  assert.equal(data.sessions.length, 3);
  for (const session of data.sessions) assertSession(session, { userId: who.id });
  const { session } = await others[0].at.signedIn();
  const { token } = data.sessions.find(({ id }) => id === session.id);
  if (!OURS.listedTokensAreCredentials) assert.equal(await bearerSession(token), null, 'a handle opens nothing');
  assert.deepEqual((await ok(can.revokeUserSession({ sessionToken: token }))).data, { success: true });
  assert.equal(await others[0].at.signedIn(), null);
  assert.ok(await others[1].at.signedIn());
  assert.deepEqual((await ok(can.revokeUserSession({ sessionToken: 'nothing' }))).data, { success: true });
  assert.deepEqual((await ok(can.revokeUserSessions({ userId: who.id }))).data, { success: true });
  assert.equal(await others[1].at.signedIn(), null);
  assert.equal(await who.at.signedIn(), null);
  assert.deepEqual((await ok(can.listUserSessions({ userId: who.id }))).data, { sessions: [] });
  assert.ok(await chief.at.signedIn());
});

await step('impersonate-user, and stop', async () => {
  const target = await person();
  const boss = await admin();
  const own = boss.at.cookie('session_token');
  const { data } = await ok(boss.client.admin.impersonateUser({ userId: target.id }));
  assertKeys(data, ['session', 'user']);
  assertUser(data.user, { id: target.id });
  assertSession(data.session, { userId: target.id, impersonatedBy: boss.id });
  assertSeconds(data.session.expiresAt - Date.now(), 3600, 'the life of an impersonation');
  assert.equal(boss.at.cookies.get('better-auth.session_token').attributes['max-age'], undefined);
  assert.match(decodeURIComponent(boss.at.cookie('dont_remember')), /^true\./);
  assert.ok(decodeURIComponent(boss.at.cookie('admin_session')).startsWith(`${boss.token}:`));
  const seen = await boss.at.signedIn();
  assert.deepEqual([seen.user.id, seen.session.impersonatedBy], [target.id, boss.id]);
  assertError(await boss.client.admin.listUsers({ query: {} }), 403, 'YOU_ARE_NOT_ALLOWED_TO_LIST_USERS');
  assert.equal((await ok(target.client.listSessions())).data.length, 1, 'the person does not see it');

  const thief = boss.at.copy();
  const back = await ok(boss.client.admin.stopImpersonating());
  assertKeys(back.data, ['session', 'user']);
  assertUser(back.data.user, { id: boss.id, role: 'admin' });
  assertSession(back.data.session, { userId: boss.id });
  assert.equal(boss.at.cookie('session_token'), own, 'the cookie of the admin is back');
  assert.equal(boss.at.cookie('admin_session'), undefined);
  assert.equal((await userOf(boss.at)).id, boss.id);
  assert.equal(await thief.signedIn(), null, 'the impersonation has ended');
  assert.ok(await target.at.signedIn());
});

await step('impersonation: no admins, no unknown ones, and no stop without a start', async () => {
  const made = await create({ role: 'admin' });
  assertError(await can.impersonateUser({ userId: made.id }), 403, 'YOU_CANNOT_IMPERSONATE_ADMINS');
  assertError(await can.impersonateUser({ userId: NOBODY }), 404, 'USER_NOT_FOUND');
  assertMessage(await can.stopImpersonating(), 400, 'You are not impersonating anyone');
  assert.equal((await userOf(chief.at)).id, chief.id);
});

await step('remove-user takes everything of somebody away', async () => {
  const who = await person();
  assert.deepEqual((await ok(can.removeUser({ userId: who.id }))).data, { success: true });
  assert.equal(await who.at.signedIn(), null);
  await assertSignInFails(who.email, PASSWORD);
  assertError(await can.getUser({ query: { id: who.id } }), 404, 'USER_NOT_FOUND');
  assertError(await can.removeUser({ userId: who.id }), 404, 'USER_NOT_FOUND');
  assertError(await can.removeUser({ userId: chief.id }), 400, 'YOU_CANNOT_REMOVE_YOURSELF');
});

await step('set-user-password', async () => {
  const who = await person();
  assert.deepEqual((await ok(can.setUserPassword({ userId: who.id, newPassword: OTHER_PASSWORD }))).data, {
    status: true,
  });
  await assertSignInFails(who.email, PASSWORD);
  await anotherDevice({ email: who.email, password: OTHER_PASSWORD });
  assert.equal((await who.at.signedIn()) === null, OURS.setUserPasswordEndsSessions, 'the sessions of before');
  assertError(await can.setUserPassword({ userId: who.id, newPassword: 'Short-1!' }), 400, 'PASSWORD_TOO_SHORT');
  assertError(await can.setUserPassword({ userId: NOBODY, newPassword: OTHER_PASSWORD }), 404, 'USER_NOT_FOUND');
  const email = freshEmail('made');
  const { data } = await ok(can.createUser({ email, name: 'New' }));
  await ok(can.setUserPassword({ userId: data.user.id, newPassword: OTHER_PASSWORD }));
  await anotherDevice({ email, password: OTHER_PASSWORD });
});

await step('has-permission', async () => {
  const may = async (permissions) => {
    const { data } = await ok(can.hasPermission({ permissions }));
    assertKeys(data, ['error', 'success']);
    assert.equal(data.error, null);
    return data.success;
  };
  const everything = {
    user: ['create', 'list', 'set-role', 'ban', 'impersonate', 'delete', 'set-password', 'get', 'update'],
    session: ['list', 'revoke', 'delete'],
  };
  assert.equal(await may(everything), true);
  assert.equal(await may({ user: ['impersonate-admins'] }), false);
  assert.equal(await may({ user: ['list', 'fly'] }), false);
  assert.equal(await may({ planet: ['list'] }), false);
});

if (OURS.lastAdmin) {
  await step('the last admin stays one', async () => {
    const { data } = await ok(can.listUsers({ query: { filterField: 'role', filterValue: 'admin' } }));
    for (const { id } of data.users.filter((user) => user.id !== chief.id))
      await ok(can.setRole({ userId: id, role: 'student' }));
    const attempts = [
      can.setRole({ userId: chief.id, role: 'student' }),
      can.updateUser({ userId: chief.id, data: { role: 'student' } }),
    ];
    for (const attempt of attempts) {
      const { error } = await attempt;
      assert.equal(error?.code, OURS.lastAdmin);
      assert.ok(error.status >= 400 && error.status < 500);
    }
    assert.ok((await chief.client.deleteUser({ password: PASSWORD })).error, 'nor leaves');
    assertUser(await userOf(chief.at), { role: 'admin' });
  });
}

finish();
