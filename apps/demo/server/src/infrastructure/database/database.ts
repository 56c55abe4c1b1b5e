import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { sql } from 'drizzle-orm';
import type { PgDatabase, PgQueryResultHKT, PgTable } from 'drizzle-orm/pg-core';
import type { Pool } from 'pg';
import { serverFolder } from '../../folders.ts';
import { lockDataFolder } from './data-folder-lock.ts';
import * as schema from './schema.ts';
import { type InTurn, turnsHere, turnsOnPostgres } from './turns.ts';

export type Queries = PgDatabase<PgQueryResultHKT, typeof schema>;

/** What is below the queries, for libraries that bring their own. */
export type Driver = { readonly pglite: PGlite } | { readonly pool: Pool; readonly url: string };

/** The open database: Postgres, or PGlite, which is Postgres inside this process. */
export class Database {
  readonly driver: Driver;
  readonly queries: Queries;
  readonly close: () => Promise<void>;
  /** Does a piece of work that no two nodes may do at the same time. */
  readonly inTurn: InTurn;

  constructor(
    driver: Driver,
    queries: Queries,
    close: () => Promise<void>,
    inTurn: InTurn = turnsHere(),
  ) {
    this.driver = driver;
    this.queries = queries;
    this.close = close;
    this.inTurn = inTurn;
  }

  get kind(): 'pglite' | 'postgres' {
    return 'pglite' in this.driver ? 'pglite' : 'postgres';
  }

  /**
   * Lets the planner know how large a table has become. Postgres does that by itself, in the background;
   * PGlite has none, and would sort a whole table for each page of it.
   */
  async analyze(table: PgTable): Promise<void> {
    if (this.kind === 'pglite') await this.queries.execute(sql`analyze ${table}`);
  }

  /** Throws when the database does not answer. */
  async ping(): Promise<void> {
    await this.queries.execute(sql`select 1`);
  }
}

const migrationsFolder = join(serverFolder, 'drizzle');

/** Opens the Postgres of a URL, or PGlite in the data folder, and brings its tables up to date. */
export async function openDatabase(
  options: { url: string } | { dataFolder: string },
): Promise<Database> {
  if ('url' in options) return await openPostgres(options.url);
  const lock = lockDataFolder(options.dataFolder);
  try {
    const { driver, queries, close } = await openPglite(join(options.dataFolder, 'database'));
    return new Database(driver, queries, async () => {
      await close();
      lock.release();
    });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens PGlite in a folder, or in memory without one. It has no lock: see `lockDataFolder`. */
export async function openPglite(folder?: string): Promise<Database> {
  const { PGlite } = await import('@electric-sql/pglite');
  const { drizzle } = await import('drizzle-orm/pglite');
  const { migrate } = await import('drizzle-orm/pglite/migrator');
  const pglite = await PGlite.create(folder === undefined ? {} : { dataDir: folder });
  const queries = drizzle({ client: pglite, schema });
  await migrate(queries, { migrationsFolder });
  return new Database({ pglite }, queries, () => pglite.close());
}

async function openPostgres(url: string): Promise<Database> {
  const { Pool } = (await import('pg')).default;
  const { drizzle } = await import('drizzle-orm/node-postgres');
  const { migrate } = await import('drizzle-orm/node-postgres/migrator');
  const pool = new Pool({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // An idle connection that the server ends is replaced by the pool; unheard it would end us.
  pool.on('error', (error) => console.error(`Postgres closed a connection: ${error.message}`));
  const queries = drizzle({ client: pool, schema });
  const inTurn = turnsOnPostgres(pool);
  try {
    await inTurn(() => migrate(queries, { migrationsFolder }));
  } catch (error) {
    await pool.end();
    throw error;
  }
  return new Database({ pool, url }, queries, () => pool.end(), inTurn);
}
