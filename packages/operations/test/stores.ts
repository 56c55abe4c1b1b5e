import { fromDrizzle, fromPg, fromPglite, migrate } from '@trunkline/operations';
import { sql } from 'drizzle-orm';
import { drizzle as drizzleOnPg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzleOnPglite } from 'drizzle-orm/pglite';
import { Pool } from 'pg';
import { newPglite, type TestStore } from './store.ts';

/** A PGlite in memory. It takes two seconds to begin: one a file. */
export async function openPgliteStore(): Promise<TestStore> {
  const pglite = await newPglite();
  const database = fromPglite(pglite);
  await migrate(database);
  return {
    name: 'PGlite',
    database,
    transaction: (work) => pglite.transaction(work),
    drizzle: (work) => drizzleOnPglite(pglite).transaction((tx) => work(fromDrizzle(tx, sql))),
    close: () => pglite.close(),
  };
}

/** A database of a Postgres. */
export async function openPostgresStore(url: string): Promise<TestStore> {
  const pool = new Pool({ connectionString: url });
  pool.on('error', () => {
    // a server that a test stops takes its idle connections with it
  });
  const database = fromPg(pool);
  await migrate(database);
  return {
    name: 'Postgres',
    database,
    transaction: (work) => database.transaction(work),
    drizzle: (work) => drizzleOnPg(pool).transaction((tx) => work(fromDrizzle(tx, sql))),
    close: () => pool.end(),
  };
}
