// Better-Auth as its manual sets it up for production, on Postgres: the peer of the bench `auth`.
//
//   DATABASE_URL=postgres://… node server.mjs <port>
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { bearer, jwt } from 'better-auth/plugins';
import pg from 'pg';

const port = Number(process.argv[2]);
const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: process.env.AUTH_SECRET,
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8 }),
  logger: { level: 'error' },
  // Off on both sides: what is measured is the work itself.
  rateLimit: { enabled: false },
  emailAndPassword: { enabled: true, minPasswordLength: 12 },
  plugins: [bearer(), jwt({ jwks: { keyPairConfig: { alg: 'RS256' } } })],
});
// Before each start, as an instance in production starts: the tables are there.
if (process.env.MIGRATE) {
  await (await getMigrations(auth.options)).runMigrations();
  process.exit(0);
}
createServer(toNodeHandler(auth)).listen(port, '127.0.0.1');
