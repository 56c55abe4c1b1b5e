import type { OperationFailure } from '@trunkline/contract';
import type { Queryable } from './database.ts';
import { toJson } from './json.ts';
import { COLUMNS, COLUMNS_WITH_INPUT, type OperationRow } from './row.ts';
import { firstRow } from './store.ts';

// The state machine: each transition is one statement that names the states it may leave, and the attempt
// and worker that may make it. Whoever comes too late changes nothing, and learns it by `null`.

/** How each attempt begins, whatever became of the one before it. */
const AFRESH = 'percentage = null, stage = null, message = null, has_refused_cancel = false';

/** Which attempt writes, and of which worker: another one's writes are refused. */
export interface Tenure {
  readonly id: string;
  readonly attempt: number;
  readonly workerId: string;
}

/** What an update sets; what it leaves out stays. */
export interface ProgressColumns {
  readonly percentage?: number;
  readonly stage?: string;
  readonly message?: string;
}

/** How an attempt has ended. */
export interface Ending {
  readonly state: 'succeeded' | 'failed' | 'cancelled' | 'crashed';
  readonly message: string | null;
  readonly error: OperationFailure | null;
  /** What is kept of it. */
  readonly result: unknown;
  readonly resultRef: string | null;
  readonly refresh: readonly string[];
}

/** An operation that has just ended; late: it was taken for crashed before. */
export interface EndedRow extends OperationRow {
  readonly isLate: boolean;
}

/**
 * Takes a waiting operation for a worker, from nobody or from who the worker was before it lost its lease;
 * `null`: it does not wait any more, or the worker has no lease.
 */
export async function claimOperation(
  database: Queryable,
  id: string,
  workerId: string,
  formerId: string = workerId,
): Promise<OperationRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set state = 'running', worker_id = $2, started_at = coalesce(started_at, now()), ${touched(1)}
     where id = $1 and state = 'queued' and (worker_id is null or worker_id in ($2, $3))
       and exists (select from trunkline.workers where workers.id = $2)
     returning ${COLUMNS_WITH_INPUT}`,
    [id, workerId, formerId],
  );
  return firstRow(rows);
}

/** Notes progress, as so many updates; `null`: the attempt is over, or another worker's. */
export async function writeProgress(
  database: Queryable,
  { id, attempt, workerId }: Tenure,
  { percentage, stage, message }: ProgressColumns,
  updates: number,
): Promise<OperationRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set percentage = coalesce($4, percentage), stage = coalesce($5, stage),
       message = coalesce($6, message), ${touched('$7')}
     where id = $1 and attempt = $2 and worker_id = $3 and state in ('running', 'cancelling')
     returning ${COLUMNS}`,
    [id, attempt, workerId, percentage ?? null, stage ?? null, message ?? null, updates],
  );
  return firstRow(rows);
}

/**
 * Ends an attempt, for good; `null`: it is over already, or another worker's. The one end that is not for
 * good is 'crashed': the attempt itself may come late and say how it really went.
 */
export async function endOperation(
  database: Queryable,
  { id, attempt, workerId }: Tenure,
  { percentage, stage }: ProgressColumns,
  ending: Ending,
  updates: number,
): Promise<EndedRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set state = $4::text::trunkline.operation_state,
       percentage = case when $4::text = 'succeeded' then 100 else coalesce($5, percentage) end,
       stage = coalesce($6, stage), message = $7, error = $8::jsonb, result = $9::jsonb,
       result_ref = $10, refresh = $11::jsonb, finished_at = now(), seen_at = null, ${touched('$12')}
     where id = $1 and attempt = $2 and worker_id = $3
       and (state in ('running', 'cancelling') or (state = 'crashed' and $4::text <> 'crashed'))
     returning ${COLUMNS},
       (select before.state = 'crashed' from trunkline.operations as before where before.id = $1) as is_late`,
    [
      id,
      attempt,
      workerId,
      ending.state,
      percentage ?? null,
      stage ?? null,
      ending.message,
      toJson(ending.error ?? undefined),
      toJson(ending.result),
      ending.resultRef,
      toJson(ending.refresh),
      updates,
    ],
  );
  const row = firstRow(rows);
  return row && { ...row, isLate: (rows[0] as { is_late: boolean }).is_late };
}

/** Ends an operation that nobody has begun, and lets go of its key; `null`: somebody has begun, or it is not there. */
export async function endUnbegun(
  database: Queryable,
  id: string,
  error: OperationFailure,
): Promise<OperationRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set state = 'crashed', error = $2::jsonb, finished_at = now(), idempotency_key = null, ${touched(1)}
     where id = $1 and seq = 1 and state in ('queued', 'running')
     returning ${COLUMNS}`,
    [id, toJson(error)],
  );
  return firstRow(rows);
}

/** Takes an operation out that nobody has begun, or heard of. */
export async function deleteUnbegun(database: Queryable, id: string): Promise<void> {
  await database.query('delete from trunkline.operations where id = $1 and seq = 1', [id]);
}

/** Puts an attempt back, as the next one; `null`: it is not this worker's, or it was the last and there is no extra one. */
export async function requeueOperation(
  database: Queryable,
  { id, attempt, workerId }: Tenure,
  extraAttempts: 0 | 1 = 0,
): Promise<OperationRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set state = 'queued', attempt = attempt + 1, max_attempts = max_attempts + $4::integer,
       worker_id = null, ${AFRESH}, ${touched(1)}
     where id = $1 and attempt = $2 and worker_id = $3 and state = 'running'
       and attempt < max_attempts + $4::integer
     returning ${COLUMNS}`,
    [id, attempt, workerId, extraAttempts],
  );
  return firstRow(rows);
}

/**
 * Begins the attempt that a queue of the app's own has brought, whether the one before it has ended or its
 * process has just died; `null`: the operation is over, or further than that, or the worker has no lease.
 */
export async function beginAttempt(
  database: Queryable,
  { id, attempt, workerId }: Tenure,
  maxAttempts: number,
): Promise<OperationRow | null> {
  // what has ended was an attempt of its own, whatever number the queue gives to the next
  const next = `greatest(attempt + case when state = 'queued' then 0 else 1 end, $2::integer)`;
  const { rows } = await database.query(
    `update trunkline.operations
     set state = 'running', attempt = ${next}, max_attempts = ${next} + greatest($4::integer - $2::integer, 0),
       worker_id = $3, ${AFRESH}, error = null,
       finished_at = null, seen_at = null, started_at = coalesce(started_at, now()), ${touched(1)}
     where id = $1
       and (state in ('queued', 'failed', 'crashed') or (state = 'running' and attempt < $2::integer))
       and exists (select from trunkline.workers where workers.id = $3)
     returning ${COLUMNS_WITH_INPUT}`,
    [id, attempt, workerId, maxAttempts],
  );
  return firstRow(rows);
}

/**
 * Starts an ended operation again; `null`: it cannot be, or the worker has no lease. With a worker it runs
 * there at once.
 */
export async function retryOperation(
  database: Queryable,
  id: string,
  workerId: string | null,
): Promise<OperationRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set state = case when $2::text is null then 'queued' else 'running' end::trunkline.operation_state,
       attempt = attempt + 1, max_attempts = greatest(max_attempts, attempt + 1), worker_id = $2,
       ${AFRESH}, error = null, result = null, result_ref = null,
       finished_at = null, seen_at = null,
       started_at = case when $2::text is null then started_at else coalesce(started_at, now()) end,
       ${touched(1)}
     where id = $1 and state in ('failed', 'cancelled', 'crashed') and is_retryable
       and coalesce((error ->> 'retryable')::boolean, true)
       and ($2::text is null or exists (select from trunkline.workers where workers.id = $2))
     returning ${COLUMNS_WITH_INPUT}`,
    [id, workerId],
  );
  return firstRow(rows);
}

/** Asks for the end: what waits ends at once, what runs is told. `null`: it can be asked of neither. */
export async function cancelOperation(
  database: Queryable,
  id: string,
  cancelled: OperationFailure,
): Promise<OperationRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set state = case when state = 'queued' then 'cancelled' else 'cancelling' end::trunkline.operation_state,
       error = case when state = 'queued' then $2::jsonb end,
       finished_at = case when state = 'queued' then now() end, ${touched(1)}
     where id = $1 and state in ('queued', 'running') and is_cancellable and not has_refused_cancel
     returning ${COLUMNS}`,
    [id, toJson(cancelled)],
  );
  return firstRow(rows);
}

/** The work did not stop when it was asked to: it goes on, and says so. */
export async function resumeOperation(
  database: Queryable,
  { id, attempt, workerId }: Tenure,
  message: string,
): Promise<OperationRow | null> {
  const { rows } = await database.query(
    `update trunkline.operations
     set state = 'running', message = $4, has_refused_cancel = true, ${touched(1)}
     where id = $1 and attempt = $2 and worker_id = $3 and state = 'cancelling'
     returning ${COLUMNS}`,
    [id, attempt, workerId, message],
  );
  return firstRow(rows);
}

function touched(updates: number | string): string {
  return `seq = seq + ${updates}, updated_at = now()`;
}
