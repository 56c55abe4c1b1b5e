import { join } from 'node:path';
import type { Environment } from './environment.ts';
import { DEMO_PASSWORD, demoAccounts } from './infrastructure/database/demo-accounts.ts';
import { isWebBuilt } from './web/web.module.ts';

/** What the terminal shows when the server is ready. */
export function welcome(port: number, environment: Environment): string {
  const { DATABASE_URL, DATA_DIR, SMTP_URL, HTTP_ADAPTER } = environment;
  const accounts = demoAccounts.map(({ email, tenantIds, role }) => {
    return `  ${email.padEnd(20)} ${whereOf(tenantIds)}, ${role}`;
  });
  const pages = isWebBuilt() ? [] : ['The pages are not built yet: npm run build', ''];
  return [
    `Trunkline demo   http://localhost:${port}`,
    '',
    `Sign in with the password ${DEMO_PASSWORD}:`,
    ...accounts,
    '',
    ...pages,
    `Database: ${DATABASE_URL === undefined ? `PGlite in ${join(DATA_DIR, 'database')}` : 'Postgres (DATABASE_URL)'}`,
    `Nodes:    ${nodesOf(environment)}`,
    `Mails:    ${SMTP_URL === undefined ? `mailbox files in ${join(DATA_DIR, 'mail')}` : 'SMTP (SMTP_URL)'}`,
    `HTTP:     ${HTTP_ADAPTER}`,
    '',
    'Stop with Ctrl-C.',
  ].join('\n');
}

function whereOf(tenantIds: readonly string[]): string {
  if (tenantIds.length === 0) return 'platform';
  return `${tenantIds.length === 1 ? 'tenant' : 'tenants'} ${tenantIds.join(' and ')}`;
}

/** Who shares what this node does. */
function nodesOf({ REDIS_URL, DATABASE_URL }: Environment): string {
  if (REDIS_URL === undefined) return 'this one alone (several need REDIS_URL and DATABASE_URL)';
  if (DATABASE_URL === undefined) return 'Redis (REDIS_URL), but several need DATABASE_URL as well';
  return 'all with the same REDIS_URL, DATABASE_URL and DATA_DIR';
}
