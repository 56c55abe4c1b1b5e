import { fromPg, fromPglite, type OperationsModuleOptions } from '@trunkline/nestjs';
import { pgBossRunner } from '@trunkline/operations/pg-boss';
import type { Database } from '../database/database.ts';

/** How long running work may go on after Ctrl-C. With the sockets' drain it must fit into what that may take. */
const SHUTDOWN_GRACE_MS = 1500;
/** Of one kind, in this process: PGlite works on our own event loop. */
const CONCURRENCY = 2;

/** Operations in the app's own database, and pg-boss beside them for those that outlive a process. */
export function operationsOptions({ driver }: Database): OperationsModuleOptions {
  const common = { shutdownGraceMs: SHUTDOWN_GRACE_MS };
  if ('pglite' in driver) {
    const { pglite } = driver;
    const runner = pgBossRunner({ pglite, concurrency: CONCURRENCY });
    return { ...common, database: fromPglite(pglite), runner };
  }
  const { pool, url } = driver;
  const runner = pgBossRunner({ connectionString: url, concurrency: CONCURRENCY });
  return { ...common, database: fromPg(pool), runner };
}
