// What administrators do about users, in the browser.
import assert from 'node:assert/strict';
import { ADMIN_EMAIL, ADMIN_PASSWORD, freshEmail } from '../flows/lib.mjs';
import { assertSignedOut, browser, fillSignIn, finish, shot, signIn, step, verified } from './lib.mjs';

const administrator = { email: ADMIN_EMAIL, password: ADMIN_PASSWORD };

/** Finds a user in the list and opens what can be done. */
async function manage(page, { email, name }) {
  await page.goto('/admin/users');
  await page.getByLabel('Search').fill(email);
  await page.getByRole('button', { name: 'Apply' }).click();
  const rows = page.getByTestId('users').locator('tbody tr');
  await rows.filter({ hasText: email }).waitFor();
  await rows.nth(1).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: `Manage ${name}` }).click();
  return page.getByRole('dialog');
}

await step('a user is found, and made an instructor', async () => {
  const person = await verified(await browser(), { name: 'Ida Rhodes' });
  const page = await browser();
  await signIn(page, administrator);
  const dialog = await manage(page, person);
  await shot(page, 'admin-user');
  await dialog.getByLabel(`Role of ${person.name}`).selectOption('instructor');
  await dialog.getByRole('button', { name: 'Change the role' }).click();
  await page.getByTestId('users').getByRole('cell', { name: 'Instructor' }).waitFor();
});

await step('a banned user is put out, is told why, and is let in again', async () => {
  const seat = await browser();
  const person = await verified(seat, { name: 'Eve Online', email: freshEmail('eve') });
  const page = await browser();
  await signIn(page, administrator);
  let dialog = await manage(page, person);
  await dialog.getByLabel('Reason (optional)').fill('Advertising in the forum');
  await dialog.getByLabel('Days (empty: until it is lifted)').fill('3');
  await dialog.getByRole('button', { name: `Ban ${person.name}` }).click();
  await dialog.getByRole('button', { name: 'Lift the ban' }).waitFor();
  await shot(page, 'admin-banned');
  await assertSignedOut(seat);
  await fillSignIn(seat, person);
  const told = await seat.getByTestId('sign-in-error').innerText();
  assert.match(told, /banned|suspended|closed/i);
  await shot(seat, 'banned');
  dialog = await manage(page, person);
  await dialog.getByRole('button', { name: 'Lift the ban' }).click();
  await dialog.getByRole('button', { name: `Ban ${person.name}` }).waitFor();
  await signIn(seat, person);
});

await step('an administrator sees the app as a user, and comes back', async () => {
  const person = await verified(await browser(), { name: 'Joan Clarke' });
  const page = await browser();
  await signIn(page, administrator);
  const dialog = await manage(page, person);
  await dialog.getByRole('button', { name: 'Begin' }).click();
  const banner = page.getByTestId('impersonation-banner');
  await banner.waitFor();
  assert.match(await banner.innerText(), /Joan Clarke/);
  await shot(page, 'impersonation');
  await banner.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('heading', { name: 'Users' }).waitFor();
  await banner.waitFor({ state: 'detached' });
});

await step('nobody else sees the users', async () => {
  const page = await browser();
  await verified(page);
  await page.goto('/admin/users');
  await page.getByRole('main').waitFor();
  await page.waitForLoadState('networkidle');
  assert.equal(await page.getByTestId('users').count(), 0);
});

await finish();
