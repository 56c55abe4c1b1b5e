import { fromPg, fromPglite, type OperationsModuleOptions } from '@trunkline/nestjs';
import { pgBossRunner } from '@trunkline/operations/pg-boss';
import type { Environment } from '../../environment.ts';
import { stops } from '../../stops.ts';
import type { Database } from '../database/database.ts';

/** Of one kind, in this process: PGlite works on our own event loop. */
const CONCURRENCY = 2;

/** Operations in the app's own database, and pg-boss beside them for those that outlive a process. */
export function operationsOptions(
  { driver }: Database,
  { DRAIN }: Pick<Environment, 'DRAIN'>,
): OperationsModuleOptions {
  const common = { shutdownGraceMs: stops[DRAIN].workMs };
  if ('pglite' in driver) {
    const { pglite } = driver;
    const runner = pgBossRunner({ pglite, concurrency: CONCURRENCY });
    return { ...common, database: fromPglite(pglite), runner };
  }
  const { pool, url } = driver;
  const runner = pgBossRunner({ connectionString: url, concurrency: CONCURRENCY });
  return { ...common, database: fromPg(pool), runner };
}
