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
