// The pages of one's own account.
import assert from 'node:assert/strict';
import { PASSWORD, OTHER_PASSWORD, freshEmail, mailedLink } from '../flows/lib.mjs';
import { assertSignedOut, browser, fillSignIn, finish, panel, shot, signIn, signUp, step, verified } from './lib.mjs';

const { COURSE } = process.env;

await step('a newcomer is told to verify, does so elsewhere, comes back and reads', async () => {
  const page = await browser();
  const { email } = await signUp(page);
  await page.goto(`/courses/${COURSE}`);
  const enrol = page.getByRole('button', { name: 'Enrol in this course' });
  await enrol.click();
  const notice = page.getByTestId('verify-notice');
  await notice.waitFor();
  await shot(page, 'verify-notice');
  assert.match(await notice.innerText(), new RegExp(email));
  const elsewhere = await browser();
  await elsewhere.goto(await mailedLink(email, '/verify-email'));
  await elsewhere.getByTestId('verified').waitFor();
  // Coming back to the page is enough.
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await notice.waitFor({ state: 'detached' });
  await enrol.click();
  await page.getByRole('link', { name: 'Start', exact: true }).click();
  await page.locator('article.lesson').waitFor();
});

await step('a wrong password is told without saying what was wrong', async () => {
  const page = await browser();
  for (const person of [{ email: freshEmail(), password: PASSWORD }, { ...(await signUp(await browser())), password: 'Wrong-Horse-99!' }]) {
    await fillSignIn(page, person);
    assert.match(await page.getByTestId('sign-in-error').innerText(), /e-mail or password/i);
  }
});

await step('a forgotten password: the link sets a new one, once', async () => {
  const person = await verified(await browser());
  const page = await browser();
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Forgot your password?' }).click();
  await page.getByLabel('E-mail').fill(person.email);
  await page.getByRole('button', { name: 'Send me a link' }).click();
  await page.getByTestId('reset-requested').waitFor();
  const link = await mailedLink(person.email, '/reset-password');
  await page.goto(link);
  await page.getByLabel('New password').fill('short');
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByRole('heading', { name: 'Set a new password' }).waitFor();
  await shot(page, 'reset-password');
  await page.getByLabel('New password').fill(OTHER_PASSWORD);
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.getByText('Your new password is set.').waitFor();
  await signIn(page, { ...person, password: OTHER_PASSWORD });
  await page.goto(link);
  await page.getByTestId('reset-refused').waitFor();
  await shot(page, 'reset-refused');
});

await step('the name changes, here and in the banner', async () => {
  const page = await browser();
  await verified(page);
  const profile = await panel(page, 'Profile');
  await profile.getByLabel('Name').fill('Grace Hopper');
  await profile.getByRole('button', { name: 'Save' }).click();
  await profile.getByText('Saved.').waitFor();
  assert.match(await page.getByTestId('user-name').innerText(), /Grace Hopper/);
});

await step('a changed password signs out the other devices', async () => {
  const page = await browser();
  const person = await verified(page);
  const other = await browser();
  await signIn(other, person);
  const password = await panel(page, 'Password');
  await password.getByLabel('Present password').fill('Wrong-Horse-99!');
  await password.getByLabel('New password').fill(OTHER_PASSWORD);
  await password.getByRole('button', { name: 'Change the password' }).click();
  await password.getByText('This is not your password.').waitFor();
  await password.getByLabel('Present password').fill(PASSWORD);
  await password.getByRole('button', { name: 'Change the password' }).click();
  await password.getByText('Your password is changed.').waitFor();
  await assertSignedOut(other);
  await signIn(other, { ...person, password: OTHER_PASSWORD });
  await page.reload();
  await page.getByTestId('user-name').waitFor();
});

await step('the list of devices: one is ended, then all others, then all', async () => {
  const page = await browser();
  const person = await verified(page);
  const others = [await browser(), await browser()];
  for (const other of others) await signIn(other, person);
  const sessions = await panel(page, 'Where you are signed in');
  const rows = sessions.getByTestId('sessions').getByRole('listitem');
  await rows.nth(2).waitFor();
  await shot(page, 'account');
  assert.match(await rows.first().innerText(), /this device/);
  await rows.nth(1).getByRole('button').click();
  await rows.nth(2).waitFor({ state: 'detached' });
  await sessions.getByRole('button', { name: 'Sign out everywhere else' }).click();
  await rows.nth(1).waitFor({ state: 'detached' });
  for (const other of others) await assertSignedOut(other);
  await sessions.getByRole('button', { name: 'Sign out everywhere', exact: true }).click();
  await page.getByText('You are signed out on all devices.').waitFor();
  await assertSignedOut(page);
});

await step('another address: the old one agrees, the new one verifies', async () => {
  const page = await browser();
  const person = await verified(page);
  const newEmail = freshEmail('new');
  const address = await panel(page, 'E-mail');
  await address.getByLabel('New e-mail address').fill(newEmail);
  await address.getByRole('button', { name: 'Change the address' }).click();
  await address.getByText(`We have sent a link to ${person.email}.`).waitFor();
  await page.goto(await mailedLink(person.email, '/verify-email'));
  await page.getByTestId('email-change').waitFor();
  await shot(page, 'email-change');
  await page.goto(await mailedLink(newEmail, '/verify-email'));
  await (await panel(page, 'E-mail')).getByText(newEmail).first().waitFor();
  await signIn(await browser(), { ...person, email: newEmail });
});

await step('the account is deleted with the password', async () => {
  const page = await browser();
  const person = await verified(page);
  const other = await browser();
  await signIn(other, person);
  await (await panel(page, 'Delete the account')).getByRole('button').click();
  const dialog = page.getByRole('dialog');
  await shot(page, 'delete-dialog');
  await dialog.getByLabel('Your password').fill('Wrong-Horse-99!');
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await dialog.getByText('This is not your password.').waitFor();
  await dialog.getByLabel('Your password').fill(PASSWORD);
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await page.getByTestId('account-deleted').waitFor();
  await shot(page, 'account-deleted');
  await assertSignedOut(other);
  await fillSignIn(other, person);
  await other.getByTestId('sign-in-error').waitFor();
});

await step('the account is deleted by the mailed link, on the device of its owner only', async () => {
  const page = await browser();
  const person = await verified(page);
  await (await panel(page, 'Delete the account')).getByRole('button').click();
  await page.getByRole('button', { name: 'Confirm by mail instead' }).click();
  await page.getByRole('dialog').getByText('We have sent a link').waitFor();
  const link = await mailedLink(person.email, '/delete-user');
  const stranger = await browser();
  await stranger.goto(link);
  await stranger.getByRole('alert').waitFor();
  await shot(stranger, 'deletion-refused');
  await page.goto(link);
  await page.getByTestId('account-deleted').waitFor();
  await assertSignedOut(page);
});

await finish();
