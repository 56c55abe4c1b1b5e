import type { Database, Queryable } from './database.ts';
import { operations } from './migrations/0001-operations.ts';
import { refusedCancel } from './migrations/0002-refused-cancel.ts';

/** In the order in which they are applied; a number never changes its meaning. */
const MIGRATIONS: readonly string[] = [operations, refusedCancel];

/** Any number, as long as it stays the same: it keeps two processes that start together apart. */
const LOCK = 7_268_401_155;

/**
 * Brings the schema `trunkline` up to date: numbered steps, each once, all in one transaction under a
 * lock. Throws for a database that a newer version has migrated.
 */
export async function migrate(database: Database): Promise<void> {
  await database.transaction(async (transaction) => {
    await transaction.query('select pg_advisory_xact_lock($1)', [LOCK]);
    const done = await appliedMigrations(transaction);
    if (done > MIGRATIONS.length) {
      throw new Error(
        `The database is at migration ${done} of operations, and this version knows ${MIGRATIONS.length}: it was migrated by a newer version. Update @trunkline/operations`,
      );
    }
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index >= done) await apply(transaction, index + 1, sql);
    }
  });
}

async function appliedMigrations(transaction: Queryable): Promise<number> {
  await transaction.query('create schema if not exists trunkline');
  await transaction.query(
    `create table if not exists trunkline.migrations (
       number integer primary key, applied_at timestamptz not null default now())`,
  );
  const { rows } = await transaction.query(
    'select coalesce(max(number), 0)::integer as number from trunkline.migrations',
  );
  return (rows[0] as { number: number }).number;
}

async function apply(transaction: Queryable, number: number, sql: string): Promise<void> {
  for (const statement of statementsOf(sql)) await transaction.query(statement);
  await transaction.query('insert into trunkline.migrations (number) values ($1)', [number]);
}

/** One by one, because PGlite takes a single statement at a time. They hold no semicolon of their own. */
function statementsOf(sql: string): string[] {
  const withoutComments = sql.replace(/--.*$/gm, '');
  return withoutComments.split(';').filter((statement) => statement.trim() !== '');
}
