// Drives the web app in a real Chromium. One command per line of standard input, one answer per line
// of standard output: {"do": "signIn", …} -> {"ok": …} or {"failed": "why"}.
import { createInterface } from 'node:readline';
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

const { BASE_URL, CHROMIUM, SCREENSHOTS } = process.env;
const PATIENCE = 30_000;

mkdirSync(SCREENSHOTS, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    '--no-sandbox',
    '--headless',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: BASE_URL });
context.setDefaultTimeout(PATIENCE);
const page = await context.newPage();

// What the page complains about by itself; a refused request is no complaint of the page.
const complaints = [];
page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
page.on('console', (message) => {
  if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
});

const composer = page.getByTestId('chat-composer');
const answers = page.getByTestId('assistant-message');

const commands = {
  async signUp({ name, email, password }) {
    await page.goto('/sign-up');
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
  },

  async followLink({ link }) {
    await page.goto(link);
    await page.getByTestId('verified').waitFor();
    return { url: page.url() };
  },

  async signOut() {
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('banner').getByRole('link', { name: 'Sign in' }).waitFor();
  },

  async signIn({ email, password }) {
    await page.goto('/sign-in');
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await page.getByTestId('user-name').waitFor();
  },

  /** From the list of courses through the outline to the first lesson. */
  async openFirstLesson({ title }) {
    await page.goto('/courses');
    await page.getByRole('link', { name: title }).click();
    await page.getByRole('button', { name: 'Enrol in this course' }).click();
    await page.getByRole('link', { name: 'Start', exact: true }).click();
    await page.locator('article.lesson').waitFor();
    await composer.waitFor();
    return { url: page.url(), text: await page.locator('article.lesson').innerText() };
  },

  async open({ path }) {
    await page.goto(path);
    await page.getByRole('main').waitFor();
  },

  /** Asks and waits for the whole answer. */
  async ask({ text }) {
    const nth = await send(text);
    return finished(nth);
  },

  /** Asks and waits until a part of the answer is shown while it is still being written. */
  async askAndSeeItGrow({ text }) {
    const nth = await send(text);
    await page.waitForFunction((nth) => {
      const answer = document.querySelectorAll('[data-testid=assistant-message]')[nth];
      return answer?.dataset.state === 'streaming' && answer.querySelector('.prose')?.textContent.trim();
    }, nth);
    return { text: await answers.nth(nth).locator('.prose').innerText() };
  },

  async finishedAnswer() {
    return finished((await answers.count()) - 1);
  },

  /** Reloads until the thread is shown again: the server may be starting. */
  async reload() {
    await page.reload();
    await answers.first().waitFor();
    return { messages: await messages() };
  },

  async messages() {
    return { messages: await messages() };
  },

  async followCitation() {
    const citation = answers.last().getByTestId('citation').first();
    const href = await citation.getAttribute('href');
    await citation.click();
    await page.waitForURL((url) => url.pathname + url.hash === href);
    await page.locator('article.lesson').waitFor();
    const anchor = decodeURIComponent(new URL(page.url()).hash.slice(1));
    const heading = page.locator(`[id="${anchor}"]`);
    await heading.first().waitFor();
    await page.waitForFunction((id) => {
      const { top } = document.getElementById(id).getBoundingClientRect();
      return top >= 0 && top < innerHeight;
    }, anchor);
    return { href, heading: await heading.first().innerText() };
  },

  async quota() {
    return { text: await page.getByTestId('quota').innerText() };
  },

  async exhausted() {
    await page.getByTestId('quota-exhausted').waitFor();
    return { notice: await page.getByTestId('quota-exhausted').innerText(), disabled: await composer.isDisabled() };
  },

  /** Sends a question past the app's own reserve, as a page of ours with the same session could. */
  async askAnyway({ body }) {
    return page.evaluate(async (text) => {
      const answer = await fetch('/api/v1/chatkit', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: text,
      });
      return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: await answer.json() };
    }, JSON.stringify(body));
  },

  async adminPage({ email }) {
    await page.goto('/admin');
    await page.getByRole('heading', { name: 'Admin', exact: true }).waitFor();
    const events = page.locator('section[aria-labelledby=auth-events]');
    const usage = page.locator('section[aria-labelledby=ai-usage]');
    await events.getByLabel('E-mail').fill(email);
    await events.getByRole('button', { name: 'Apply' }).click();
    await events.getByRole('cell', { name: email }).first().waitFor();
    await usage.locator('tbody tr').first().waitFor();
    return { events: await rows(events), usage: await rows(usage) };
  },

  async screenshot({ name }) {
    await page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
  },

  async complaints() {
    return { complaints };
  },
};

async function send(text) {
  const nth = await answers.count();
  await composer.fill(text);
  await page.getByTestId('chat-send').click();
  return nth;
}

async function finished(nth) {
  const answer = answers.nth(nth);
  await answer.waitFor();
  await page.waitForFunction(
    (nth) => document.querySelectorAll('[data-testid=assistant-message]')[nth]?.dataset.state !== 'streaming',
    nth,
  );
  const problem = page.getByTestId('chat-problem');
  return {
    state: await answer.getAttribute('data-state'),
    text: await answer.locator('.prose').innerText(),
    citations: await citations(answer),
    problem: (await problem.count()) > 0 ? await problem.innerText() : null,
  };
}

async function citations(answer) {
  const links = await answer.getByTestId('citation').all();
  return Promise.all(links.map(async (link) => ({ href: await link.getAttribute('href'), title: await link.innerText() })));
}

async function messages() {
  const all = await page.locator('article.message').all();
  return Promise.all(
    all.map(async (message) => ({
      by: await message.getAttribute('aria-label'),
      text: (await message.locator('.prose, p').first().innerText()).trim(),
    })),
  );
}

async function rows(section) {
  return section.locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.innerText)));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...parameters } = JSON.parse(line);
  try {
    const answer = await commands[name](parameters);
    console.log(JSON.stringify({ ok: answer ?? {} }));
  } catch (error) {
    await page.screenshot({ path: `${SCREENSHOTS}/failed-${name}.png` }).catch(() => {});
    const text = await page.locator('body').innerText().catch(() => '');
    const where = `${page.url()}\n${text.slice(0, 2000)}\n${complaints.join('\n')}`;
    console.log(JSON.stringify({ failed: `${name}: ${error.message}\n${where}` }));
  }
}
await browser.close();
