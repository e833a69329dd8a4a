// Browsers with people in them, for the tests of the account pages: real Chromium, the web app and the
// `better-auth/react` in it. Mails, providers and steps are those of the flows.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { BASE_URL, PASSWORD, finish as finishSteps, freshEmail, mailedLink, step as runStep } from '../flows/lib.mjs';

const { CHROMIUM, SCREENSHOTS } = process.env;

mkdirSync(SCREENSHOTS, { recursive: true });
const chromiumProcess = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** Of the browsers of a step. */
let complaints = [];
let open = [];

/** A browser of somebody: `page` with nothing in it. */
export async function browser() {
  const context = await chromiumProcess.newContext({ viewport: { width: 1280, height: 900 }, baseURL: BASE_URL });
  context.setDefaultTimeout(20_000);
  open.push(context);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    // A refused request is no complaint of the page.
    const refused = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !refused) complaints.push(message.text());
  });
  return page;
}

/** A step with browsers of its own, in which no page complains. */
export function step(name, run) {
  return runStep(name, async () => {
    complaints = [];
    open = [];
    try {
      await run();
      assert.deepEqual(complaints, []);
    } catch (error) {
      const pages = open.flatMap((context) => context.pages());
      for (const [nth, page] of pages.entries()) {
        await shot(page, `failed-${name.replaceAll(/\W+/g, '-')}-${nth}`).catch(() => {});
        error.message += `\n${page.url()}\n${(await page.locator('body').innerText().catch(() => '')).slice(0, 1500)}`;
      }
      throw error;
    } finally {
      await Promise.all(open.map((context) => context.close()));
    }
  });
}

export async function finish() {
  await chromiumProcess.close();
  finishSteps();
}

export const shot = (page, name) => page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });

// ---- What people do

export async function signUp(page, { name = 'Grace', email = freshEmail(), password = PASSWORD } = {}) {
  await page.goto('/sign-up');
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Create the account' }).click();
  await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  return { name, email, password };
}

/** Signed up, and the address proven in the same browser. */
export async function verified(page, more = {}) {
  const person = await signUp(page, more);
  await page.goto(await mailedLink(person.email, '/verify-email'));
  await page.getByTestId('verified').waitFor();
  return person;
}

export async function fillSignIn(page, { email, password }) {
  await page.goto('/sign-in');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
}

export async function signIn(page, person) {
  await fillSignIn(page, person);
  await page.getByTestId('user-name').waitFor();
}

/** A part of the account page. */
export async function panel(page, name) {
  if (new URL(page.url()).pathname !== '/account') await page.goto('/account');
  const region = page.getByRole('region', { name, exact: true });
  await region.waitFor();
  return region;
}

/** Nobody is signed in here any more; seen after a reload, as pages ask again by themselves in time. */
export async function assertSignedOut(page) {
  await page.goto('/courses');
  await page.getByRole('banner').getByRole('link', { name: 'Sign in' }).waitFor();
}
