import type { Queryable } from './database.ts';
import { CANCELLED, crashed } from './errors.ts';
import { toJson } from './json.ts';
import { COLUMNS, type OperationRow, toRow } from './row.ts';
import { interval } from './store.ts';

/** Notes that a worker lives: from now for the length of a lease, by the database's clock. */
export async function addWorker(database: Queryable, id: string, leaseMs: number): Promise<void> {
  await database.query(
    `insert into trunkline.workers (id, lease_expires_at) values ($1, now() + ${interval('$2')})`,
    [id, leaseMs],
  );
}

/** Renews a lease, also one that has expired without anybody noticing; `false`: it has been taken. */
export async function renewLease(
  database: Queryable,
  id: string,
  leaseMs: number,
): Promise<boolean> {
  const { rows } = await database.query(
    `update trunkline.workers set lease_expires_at = now() + ${interval('$2')} where id = $1
     returning id`,
    [id, leaseMs],
  );
  return rows.length > 0;
}

/** Lets go of a lease: what is left in its name is anybody's. */
export async function removeWorker(database: Queryable, id: string): Promise<void> {
  await database.query('delete from trunkline.workers where id = $1', [id]);
}

/** All other workers are dead: this process has the database for itself. */
export async function removeOtherWorkers(database: Queryable, id: string): Promise<void> {
  await database.query('delete from trunkline.workers where id <> $1', [id]);
}

/** Who looks for what the dead have left, and which operations run there. */
export interface Sweeper {
  readonly id: string;
  readonly leaseMs: number;
  readonly running: readonly string[];
}

/** What waits for a job of the app's own queue, and not so long: the queue has lost it. */
const FORGOTTEN_MS = 24 * 3_600_000;
/** At once; the next round takes the others. */
const MAX_TAKEN = 500;

/** What users read of an operation whose server has died. */
const SERVER_DIED = 'The server that ran it has stopped';

/**
 * Takes the operations of workers whose lease has expired (design D7). A durable one waits for its next
 * attempt, if it has one left; any other has crashed. Returns them as they are now.
 *
 * The lease is deleted in the same statement: a worker that renews it at this moment either comes first,
 * and keeps everything, or finds that it has none. One's own is left alone: who sweeps is alive, however
 * long it was frozen. But what stands in one's own name, silent for a lease, and does not run here is
 * nobody's: the answer to its beginning got lost.
 */
export async function takeFromTheDead(
  database: Queryable,
  { id: ownId, leaseMs, running }: Sweeper,
): Promise<OperationRow[]> {
  const { rows } = await database.query(
    `with dead as (
       delete from trunkline.workers where lease_expires_at < now() and id <> $3 returning id
     ), orphans as (
       select id as orphan_id,
         case when state = 'cancelling' then 'cancelled'
           when is_durable and attempt < max_attempts then 'queued'
           else 'crashed' end as next
       from trunkline.operations
       where state in ('queued', 'running', 'cancelling')
         and ((worker_id is not null and (worker_id in (select id from dead)
             or not exists (select from trunkline.workers where workers.id = worker_id)
             or (worker_id = $3 and state <> 'queued' and updated_at < now() - ${interval('$4')}
               and id not in (select jsonb_array_elements_text($5::jsonb)))))
           or (worker_id is null and not is_durable and updated_at < now() - ${interval('$6')}))
       limit $7
       for update skip locked
     )
     update trunkline.operations
     set state = next::trunkline.operation_state,
       attempt = case when next = 'queued' then attempt + 1 else attempt end,
       worker_id = case when next = 'queued' then null else worker_id end,
       percentage = case when next = 'queued' then null else percentage end,
       stage = case when next = 'queued' then null else stage end,
       message = case when next = 'queued' then null else message end,
       has_refused_cancel = has_refused_cancel and next <> 'queued',
       error = case next when 'crashed' then $1::jsonb when 'cancelled' then $2::jsonb end,
       finished_at = case when next = 'queued' then null else now() end,
       seq = seq + 1, updated_at = now()
     from orphans where id = orphan_id
     returning ${COLUMNS}`,
    [
      toJson(crashed(SERVER_DIED)),
      toJson(CANCELLED),
      ownId,
      leaseMs,
      toJson(running),
      FORGOTTEN_MS,
      MAX_TAKEN,
    ],
  );
  return rows.map(toRow);
}

/** Durable operations that have waited longer than that: their job may have got lost. */
export async function waitingLongerThan(
  database: Queryable,
  waitMs: number,
  limit: number,
): Promise<OperationRow[]> {
  const { rows } = await database.query(
    `select ${COLUMNS} from trunkline.operations
     where state = 'queued' and is_durable and worker_id is null
       and updated_at < now() - ${interval('$1')} order by id limit $2`,
    [waitMs, limit],
  );
  return rows.map(toRow);
}
