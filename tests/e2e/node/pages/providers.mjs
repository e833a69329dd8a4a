// Signing in at a provider and connecting one, in the browser.
import assert from 'node:assert/strict';
import { OIDC, control, freshEmail, openIdAccount } from '../flows/lib.mjs';
import { browser, finish, panel, shot, step, verified } from './lib.mjs';

const chooseSchool = (page) => page.getByRole('button', { name: 'Continue with The school' }).click();

await control(OIDC, { reset: true });

await step('somebody new comes by a provider and is signed in', async () => {
  const account = await openIdAccount({ name: 'Ada King' });
  await control(OIDC, { account: account.sub });
  const page = await browser();
  await page.goto('/sign-in');
  await page.getByTestId('providers').waitFor();
  await shot(page, 'sign-in-with-providers');
  await chooseSchool(page);
  await page.getByTestId('user-name').waitFor();
  assert.match(await page.getByTestId('user-name').innerText(), /Ada King/);
  const ways = await panel(page, 'Ways to sign in');
  await ways.getByText('This is your only way to sign in.').waitFor();
  assert.ok(await ways.getByRole('button', { name: /^Disconnect/ }).isDisabled());
  await (await panel(page, 'Password')).getByText('this account has no password').waitFor();
  await shot(page, 'account-without-password');
});

await step('who turns back at the provider is told so at the sign-in page', async () => {
  await control(OIDC, { authorizeError: 'access_denied' });
  const page = await browser();
  await page.goto('/sign-in');
  await chooseSchool(page);
  const refused = page.getByTestId('provider-error');
  await refused.waitFor();
  assert.equal(await refused.getAttribute('data-code'), 'access_denied');
  await shot(page, 'provider-refused');
  await control(OIDC, { authorizeError: null });
});

await step('a provider is connected, signs in, and is disconnected', async () => {
  const page = await browser();
  const person = await verified(page, { email: freshEmail('linked') });
  const account = await openIdAccount({ email: person.email });
  await control(OIDC, { account: account.sub });
  let ways = await panel(page, 'Ways to sign in');
  await ways.getByRole('button', { name: 'Connect The school' }).click();
  await page.getByText(/is connected/).waitFor();
  const other = await browser();
  await other.goto('/sign-in');
  await chooseSchool(other);
  await other.getByTestId('user-name').waitFor();
  ways = await panel(page, 'Ways to sign in');
  await ways.getByRole('button', { name: /^Disconnect/ }).click();
  await ways.getByRole('button', { name: 'Connect The school' }).waitFor();
});

await step('an identity with another address is not connected', async () => {
  const page = await browser();
  await verified(page);
  const account = await openIdAccount();
  await control(OIDC, { account: account.sub });
  await (await panel(page, 'Ways to sign in')).getByRole('button', { name: 'Connect The school' }).click();
  const refused = page.getByRole('alert');
  await refused.waitFor();
  assert.equal(await refused.getAttribute('data-code'), 'email_does_not_match');
});

await finish();
