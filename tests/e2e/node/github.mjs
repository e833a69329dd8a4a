// A server shaped like GitHub's OAuth and the two questions of its API that a sign-in asks.
//
//   node github.mjs <port>
//
// Environment: CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS (comma list).
//
// POST /control takes a JSON object and answers the whole state:
//   user            what /user answers; merged into what it was
//   emails          what /user/emails answers: [{email, primary, verified, visibility}]
//   authorizeError  the error with which the browser is sent back
//   tokenError      the error that the token endpoint answers, with status 200 as GitHub does
//   fail            {authorize|token|user|emails: HTTP status}
//   stall           {authorize|token|user|emails: milliseconds}
//   scope           what the token is said to be good for; null: what was asked for
//   reset           true: as it was at the start; applied first
// GET /control answers the same state, with `calls` and `complaints`: requests GitHub would refuse.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const port = Number(process.argv[2]);
const { CLIENT_ID, CLIENT_SECRET, REDIRECT_URIS = '' } = process.env;
const redirectUris = REDIRECT_URIS.split(',');
const codes = new Map();
const tokens = new Set();
let state = initial();

function initial() {
  return {
    user: { id: 583_231, login: 'octo', name: 'Octo Cat', email: null, avatar_url: 'https://avatars.example/u/583231' },
    emails: [{ email: 'octo@school.example', primary: true, verified: true, visibility: 'private' }],
    authorizeError: null,
    tokenError: null,
    fail: {},
    stall: {},
    scope: null,
    calls: [],
    complaints: [],
  };
}

function control({ reset, user, ...rest }) {
  if (reset) state = initial();
  if (user) state.user = { ...state.user, ...user };
  for (const name of Object.keys(rest)) if (!(name in state)) throw new Error(`${name} is not known`);
  Object.assign(state, rest);
}

function complain(text) {
  state.complaints.push(text);
  return text;
}

const json = (status, content, headers = {}) => ({ status, content, headers });
const refused = (error, description) =>
  json(200, { error, error_description: description, error_uri: 'https://docs.example' });

function authorize(url) {
  const asked = Object.fromEntries(url.searchParams);
  if (asked.client_id !== CLIENT_ID) return json(404, { message: complain('authorize: unknown client_id') });
  if (!redirectUris.includes(asked.redirect_uri)) {
    return json(400, { message: complain(`authorize: ${asked.redirect_uri} is not registered`) });
  }
  if (!asked.state) return json(400, { message: complain('authorize: no state') });
  if (asked.code_challenge_method !== 'S256' || !/^[\w-]{43}$/.test(asked.code_challenge ?? '')) {
    return json(400, { message: complain('authorize: no PKCE with S256') });
  }
  const back = new URL(asked.redirect_uri);
  if (state.authorizeError) {
    back.searchParams.set('error', state.authorizeError);
    back.searchParams.set('error_description', 'The user has denied your application access.');
  } else {
    const code = randomBytes(10).toString('hex');
    codes.set(code, asked);
    back.searchParams.set('code', code);
  }
  back.searchParams.set('state', asked.state);
  return json(302, null, { location: back.href });
}

function token(request, form) {
  if (request.method !== 'POST') return json(404, { message: complain('token: not POST') });
  if (state.tokenError) return refused(state.tokenError, 'told to answer so');
  const basic = /^basic (.+)$/i.exec(request.headers.authorization ?? '');
  const [id, secret] = basic
    ? Buffer.from(basic[1], 'base64').toString().split(':').map(decodeURIComponent)
    : [form.get('client_id'), form.get('client_secret')];
  if (id !== CLIENT_ID || secret !== CLIENT_SECRET) {
    return refused('incorrect_client_credentials', complain('token: wrong client credentials'));
  }
  const asked = codes.get(form.get('code'));
  codes.delete(form.get('code'));
  if (!asked) return refused('bad_verification_code', 'The code passed is incorrect or expired.');
  const redirectUri = form.get('redirect_uri');
  if (redirectUri !== null && redirectUri !== asked.redirect_uri) {
    return refused('redirect_uri_mismatch', complain('token: another redirect_uri'));
  }
  const challenge = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url');
  if (challenge !== asked.code_challenge)
    return refused('bad_verification_code', complain('token: wrong code_verifier'));
  const accessToken = `gho_${randomBytes(18).toString('hex')}`;
  tokens.add(accessToken);
  const scope = state.scope ?? (asked.scope ?? '').split(/[ ,]+/).join(',');
  return json(200, { access_token: accessToken, scope, token_type: 'bearer' });
}

function api(request, content) {
  if (!request.headers['user-agent']) {
    return json(403, { message: complain('api: requests must have a User-Agent header') });
  }
  const [, bearer] = /^(?:bearer|token) (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
  if (!tokens.has(bearer)) return json(401, { message: complain('api: bad credentials') });
  return json(200, content);
}

const ROUTES = {
  '/login/oauth/authorize': ['authorize', ({ url }) => authorize(url)],
  '/login/oauth/access_token': ['token', ({ request, form }) => token(request, form)],
  '/user': ['user', ({ request }) => api(request, state.user)],
  '/user/emails': ['emails', ({ request }) => api(request, state.emails)],
};

function send(request, response, { status, content, headers }) {
  // Without an Accept header GitHub's token endpoint answers a form.
  const form = request.url.startsWith('/login/oauth/access_token') && !/json/.test(request.headers.accept ?? '');
  response.writeHead(status, {
    'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
    ...headers,
  });
  if (content === null) return response.end();
  return response.end(form ? new URLSearchParams(content).toString() : JSON.stringify(content));
}

async function answer(request, response) {
  let text = '';
  for await (const piece of request) text += piece;
  const url = new URL(request.url, `http://127.0.0.1:${port}`);
  if (url.pathname === '/control') {
    if (request.method === 'POST') control(JSON.parse(text));
    return send(request, response, json(200, state));
  }
  if (!(url.pathname in ROUTES)) return send(request, response, json(404, { message: 'Not Found' }));
  const [name, route] = ROUTES[url.pathname];
  state.calls.push({ endpoint: name, method: request.method, query: Object.fromEntries(url.searchParams) });
  if (state.stall[name]) await sleep(state.stall[name]);
  if (state.fail[name]) return send(request, response, json(state.fail[name], { message: 'told to fail' }));
  const type = request.headers['content-type'] ?? '';
  const form = type.includes('json') ? new Map(Object.entries(JSON.parse(text))) : new URLSearchParams(text);
  return send(request, response, route({ request, url, form: { get: (field) => form.get(field) ?? null } }));
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    send(request, response, json(400, { message: String(error) }));
  });
}).listen(port, '127.0.0.1');
