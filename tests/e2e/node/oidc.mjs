// A real OpenID provider whose user never sees a page: it signs in the account that `login_hint` names
// (by sub or e-mail), else the one chosen by control.
//
//   node oidc.mjs <port>
//
// Environment: ACCOUNTS, a JSON list of {sub, email, email_verified, name, picture}; CLIENTS, a JSON
// list of {client_id, client_secret, redirect_uris}; ACCESS_TOKEN_TTL in seconds.
//
// POST /control takes a JSON object and answers the whole state:
//   account           the sub that signs in when no login_hint says otherwise
//   change            {sub: {claim: value}}: changes an account, or makes a new one; null drops the claim
//   dropEmail         true: no e-mail for anybody
//   claimsInIdToken   false: the ID token only has the subject, the rest is at the userinfo endpoint
//   authorizeError    the error with which the authorization endpoint sends the browser back
//   fail              {discovery|jwks|token|userinfo: HTTP status}
//   stall             {discovery|jwks|token|userinfo: milliseconds}
//   accessTokenTtl    seconds
//   reset             true: as it was at the start; applied first
// GET /control answers the same state, with `calls`: what the relying party asked for so far.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const { ACCOUNTS = '[]', CLIENTS = '[]', ACCESS_TOKEN_TTL = '3600' } = process.env;
let state = initial();

function initial() {
  const accounts = new Map(JSON.parse(ACCOUNTS).map((account) => [account.sub, account]));
  return {
    accounts,
    account: accounts.keys().next().value,
    dropEmail: false,
    claimsInIdToken: true,
    authorizeError: null,
    fail: {},
    stall: {},
    accessTokenTtl: Number(ACCESS_TOKEN_TTL),
    calls: [],
  };
}

function control({ reset, change = {}, ...rest }) {
  if (reset) state = initial();
  for (const [sub, claims] of Object.entries(change)) {
    const account = { sub, ...state.accounts.get(sub), ...claims };
    for (const [name, value] of Object.entries(account)) if (value === null) delete account[name];
    state.accounts.set(sub, account);
  }
  for (const name of Object.keys(rest)) if (!(name in state)) throw new Error(`${name} is not known`);
  Object.assign(state, rest);
}

function claimsOf(sub, use) {
  const { email, email_verified, ...others } = state.accounts.get(sub);
  if (use === 'id_token' && !state.claimsInIdToken) return { sub };
  return state.dropEmail ? others : { ...others, email, email_verified };
}

const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'signing' };

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  clients: JSON.parse(CLIENTS).map((client) => ({
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    id_token_signed_response_alg: 'RS256',
    ...client,
  })),
  cookies: { keys: ['a key of the tests'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'picture'] },
  scopes: ['openid', 'email', 'profile', 'offline_access'],
  conformIdTokenClaims: false,
  clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
  findAccount: (_, sub) =>
    state.accounts.has(sub) ? { accountId: sub, claims: (use) => claimsOf(sub, use) } : undefined,
  rotateRefreshToken: true,
  expiresWithSession: () => false,
  ttl: {
    AccessToken: () => state.accessTokenTtl,
    AuthorizationCode: 60,
    Grant: 86_400,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 86_400,
    Session: 86_400,
  },
  // Nobody is asked for consent.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope(ctx.oidc.params.scope);
    await grant.save();
    return grant;
  },
  renderError(ctx, out) {
    ctx.type = 'json';
    ctx.body = out;
  },
});
provider.on('server_error', (_, error) => console.error(error));

const ENDPOINTS = {
  '/.well-known/openid-configuration': 'discovery',
  '/jwks': 'jwks',
  '/token': 'token',
  '/me': 'userinfo',
  '/auth': 'authorize',
};

async function signIn(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  if (state.authorizeError) {
    const error = { error: state.authorizeError, error_description: 'told to answer so' };
    return provider.interactionFinished(request, response, error);
  }
  const hinted = [...state.accounts.values()].find(
    ({ sub, email }) => params.login_hint && [sub, email].includes(params.login_hint),
  );
  const accountId = hinted?.sub ?? state.account;
  return provider.interactionFinished(request, response, { login: { accountId, remember: false }, consent: {} });
}

/** offline_access is for those who are asked for consent: ask, the answer is always yes. */
function withConsent(url) {
  if (url.searchParams.get('scope')?.includes('offline_access')) url.searchParams.set('prompt', 'consent');
  return url.pathname + url.search;
}

async function body(request) {
  let text = '';
  for await (const piece of request) text += piece;
  return text;
}

const answerOp = provider.callback();

createServer(async (request, response) => {
  try {
    const url = new URL(request.url, issuer);
    if (url.pathname === '/control') {
      if (request.method === 'POST') control(JSON.parse(await body(request)));
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify({ ...state, accounts: [...state.accounts.values()] }));
    }
    if (url.pathname.startsWith('/sign-in/')) return await signIn(request, response);
    const endpoint = ENDPOINTS[url.pathname];
    if (endpoint) {
      state.calls.push({ endpoint, method: request.method, query: Object.fromEntries(url.searchParams) });
      const { stall, fail } = state;
      if (stall[endpoint]) await sleep(stall[endpoint]);
      if (fail[endpoint]) {
        response.writeHead(fail[endpoint], { 'content-type': 'application/json' });
        return response.end(JSON.stringify({ error: 'server_error' }));
      }
    }
    if (endpoint === 'authorize') request.url = withConsent(url);
    return answerOp(request, response);
  } catch (error) {
    console.error(error);
    response.writeHead(400, { 'content-type': 'text/plain' });
    return response.end(String(error));
  }
}).listen(port, '127.0.0.1');
