import { inArray } from 'drizzle-orm';
import { hashPassword } from '../../auth/password.ts';
import type { Database } from './database.ts';
import { users } from './schema.ts';

/** The password of every demo account. */
export const DEMO_PASSWORD = 'demo';

/** Who can sign in to a fresh demo: two people of one tenant, one of another, one of the platform. */
export const demoAccounts = [
  account('ada', 'Ada Lovelace', 'acme', 'admin', 'Engineering'),
  account('ben', 'Ben Okafor', 'acme', 'member', 'Sales'),
  account('cleo', 'Cleo Marchetti', 'globex', 'admin', 'Operations'),
  account('root', 'Robin Root', null, 'admin', 'Platform'),
];

/** Adds the demo accounts that are not there yet. */
export async function addDemoAccounts({ queries }: Database): Promise<void> {
  const ids = demoAccounts.map(({ id }) => id);
  const present = await queries.select({ id: users.id }).from(users).where(inArray(users.id, ids));
  const missing = demoAccounts.filter(({ id }) => !present.some((user) => user.id === id));
  if (missing.length === 0) return;
  const rows = await Promise.all(
    missing.map(async (user) => ({ ...user, passwordHash: await hashPassword(DEMO_PASSWORD) })),
  );
  await queries.insert(users).values(rows).onConflictDoNothing();
}

function account(
  id: string,
  name: string,
  tenantId: string | null,
  role: 'admin' | 'member',
  department: string,
) {
  const email = `${id}@${tenantId ?? 'platform'}.test`;
  const realm = tenantId === null ? ('platform' as const) : ('tenant' as const);
  return { id, realm, tenantId, email, name, role, department };
}
