import { inArray, isNull } from 'drizzle-orm';
import { hashPassword } from '../../auth/password.ts';
import type { Database, Queries } from './database.ts';
import { DEMO_PASSWORD, type DemoAccount, demoAccounts, demoTenants } from './demo-accounts.ts';
import { addSampleData } from './sample-data.ts';
import { memberships, tenants, users } from './schema.ts';

/**
 * Adds the tenants, accounts and sample data that are not there yet. What was changed or deleted
 * since stays as it is.
 */
export async function addDemoData({ queries, inTurn }: Database): Promise<void> {
  await inTurn(() => addMissing(queries));
}

async function addMissing(queries: Queries): Promise<void> {
  const missing = await missingAccounts(queries);
  const passwords = await Promise.all(missing.map(() => hashPassword(DEMO_PASSWORD)));
  await queries.transaction(async (transaction) => {
    await transaction.insert(tenants).values(demoTenants).onConflictDoNothing();
    for (const [index, account] of missing.entries()) {
      await addAccount(transaction, account, passwords[index] ?? null);
    }
    const unseeded = await transaction
      .select({ id: tenants.id })
      .from(tenants)
      .where(isNull(tenants.seededAt));
    for (const { id } of unseeded) await addSampleData(transaction, id);
  });
}

async function missingAccounts(queries: Queries): Promise<DemoAccount[]> {
  const ids = demoAccounts.map(({ id }) => id);
  const present = await queries.select({ id: users.id }).from(users).where(inArray(users.id, ids));
  return demoAccounts.filter(({ id }) => !present.some((user) => user.id === id));
}

async function addAccount(
  queries: Queries,
  { tenantIds, ...account }: DemoAccount,
  passwordHash: string | null,
): Promise<void> {
  const tenantId = tenantIds[0] ?? null;
  const realm = tenantId === null ? ('platform' as const) : ('tenant' as const);
  // An import may have added somebody with their address.
  const [added] = await queries
    .insert(users)
    .values({ ...account, realm, tenantId, passwordHash })
    .onConflictDoNothing()
    .returning({ id: users.id });
  if (!added || tenantIds.length === 0) return;
  const { id: userId, role } = account;
  await queries.insert(memberships).values(tenantIds.map((id) => ({ tenantId: id, userId, role })));
}
