import { type Database, fromPg, fromPglite, type Queryable } from '@trunkline/operations';
import type { PgBossRunnerOptions } from '@trunkline/operations/pg-boss';
import { Pool } from 'pg';
import type { StoredRow } from './cast.ts';

/** Where operations are kept: the URL of a Postgres, or the folder of a PGlite. */
export type Ground =
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'pglite'; readonly folder: string };

/** A database, twice: as the engine has it, and beside that for whoever looks. */
export interface Store {
  readonly database: Database;
  readonly beside: Queryable;
  /** Where pg-boss finds it. */
  readonly forBoss: Pick<PgBossRunnerOptions, 'connectionString' | 'pglite'>;
}

/** Opens it; a connection that breaks is the next statement's affair. */
export async function openStore(ground: Ground): Promise<Store> {
  if (ground.kind === 'pglite') {
    const { PGlite } = await import('@electric-sql/pglite');
    const pglite = await PGlite.create(ground.folder);
    return { database: fromPglite(pglite), beside: pglite, forBoss: { pglite } };
  }
  const { url } = ground;
  const database = fromPg(poolOf(url));
  return { database, beside: poolOf(url, 2), forBoss: { connectionString: url } };
}

function poolOf(connectionString: string, max = 10): Pool {
  const pool = new Pool({ connectionString, max });
  pool.on('error', () => {});
  return pool;
}

/** Every operation as it stands. */
export async function readRows(database: Queryable): Promise<StoredRow[]> {
  const { rows } = await database.query(
    `select id, type, tenant_id as tenant, owner_id as owner, audience, state::text as state, seq, attempt,
       percentage, stage, is_durable as "isDurable"
     from trunkline.operations order by id`,
  );
  return rows as StoredRow[];
}

/** The number of an operation's last committed update; `null`: there is no such row. */
export async function readSeq(database: Queryable, id: string): Promise<number | null> {
  const { rows } = await database.query('select seq from trunkline.operations where id = $1', [id]);
  return (rows as { seq: number }[])[0]?.seq ?? null;
}
