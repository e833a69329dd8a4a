// A person with a browser that knows our pages' API, and applications made by the administrator.
import assert from 'node:assert/strict';

export const { BASE_URL, ADMIN_EMAIL, EMAIL, PASSWORD } = process.env;
export const ISSUER = `${BASE_URL}/api/auth`;
export const REDIRECT_URI = 'https://rp.example/cb';
export const AFTER_LOGOUT = 'https://rp.example/bye';

let passed = 0;
let failed = 0;

/** Runs one step; says what failed and goes on. */
export async function step(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}: ${String(error?.stack ?? error).slice(0, 700)}${error?.cause ? `\n${JSON.stringify(error.cause).slice(0, 500)}` : ''}`);
  }
}

export function finish() {
  console.log(`${passed} steps passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

export class Browser {
  #cookies = new Map();

  async fetch(url, { json, form, ...init } = {}) {
    const headers = new Headers(init.headers);
    headers.set('cookie', [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    let body;
    if (json !== undefined) {
      headers.set('content-type', 'application/json');
      headers.set('origin', BASE_URL);
      body = JSON.stringify(json);
    }
    if (form !== undefined) body = new URLSearchParams(form);
    const method = body === undefined ? 'GET' : 'POST';
    const response = await fetch(new URL(url, BASE_URL), { method, redirect: 'manual', ...init, headers, body });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  async signIn(email = EMAIL, password = PASSWORD, extra = {}) {
    const response = await this.fetch('/api/auth/sign-in/email', { json: { email, password, ...extra } });
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    return body;
  }

  /** Where an address leads: this fetch says that it is a script, so it is told in JSON. */
  async open(url, init) {
    const answer = await this.fetch(url, init);
    const body = await answer.text();
    assert.equal(answer.status, 200, `${url}: ${answer.status} ${body}`);
    return new URL(JSON.parse(body).url);
  }

  /** From a request to where its answer leads, signing in and agreeing on the way. */
  async authorize(url, { scope, deny = false } = {}) {
    let next = new URL(url);
    for (let hop = 0; hop < 6; hop += 1) {
      if (next.origin !== BASE_URL) return next;
      const query = next.search.slice(1);
      if (next.pathname === '/sign-in') {
        const { url: onward } = await this.signIn(EMAIL, PASSWORD, { oauth_query: query });
        next = new URL(onward);
      } else if (next.pathname === '/oauth/consent') {
        const json = { accept: !deny, ...(scope && { scope }), oauth_query: query };
        const answer = await this.fetch('/api/auth/oauth2/consent', { json });
        const body = await answer.json();
        assert.equal(answer.status, 200, JSON.stringify(body));
        next = new URL(body.url);
      } else {
        next = await this.open(next);
      }
    }
    throw new Error(`no end in sight: ${next}`);
  }
}

const admin = new Browser();
await admin.signIn(ADMIN_EMAIL, PASSWORD);

/** A new application. */
export async function application(metadata = {}) {
  const json = {
    client_name: 'Learning platform',
    redirect_uris: [REDIRECT_URI],
    post_logout_redirect_uris: [AFTER_LOGOUT],
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid profile email offline_access courses:read',
    ...metadata,
  };
  const response = await admin.fetch('/api/auth/admin/oauth2/create-client', { json });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body;
}
