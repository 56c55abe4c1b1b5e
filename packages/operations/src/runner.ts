import type { Realm } from '@trunkline/contract';
import type { Queryable } from './database.ts';

/** A hint that an attempt of a durable operation waits for somebody to run it. The row has the truth. */
export interface OperationJob {
  readonly operationId: string;
  /** With the id: unique. The same job twice is one. */
  readonly attempt: number;
  readonly type: string;
  readonly realm: Realm;
  /** Not before so many milliseconds from now. */
  readonly delayMs: number;
}

/**
 * Runs the attempt of a job, if it still waits; one that does not is done, and that is fine. Rejects only
 * when the database is away: the job is to come again then.
 */
export type RunJob = (job: Pick<OperationJob, 'operationId'>) => Promise<void>;

/**
 * A job queue that durable operations wait in: pg-boss or BullMQ. It says that there is something to do, at
 * least once; what there is to do, and who does it, the operation's row says.
 */
export interface Runner {
  readonly name: 'pg-boss' | 'bullmq';
  /** Does `enqueue` take effect only if the transaction that it is given commits? */
  readonly isTransactional: boolean;
  /** Starts without work. `leaseMs`: a process that is silent for longer is dead. */
  start(options: { readonly leaseMs: number }): Promise<void>;
  /** From now on this process runs jobs of a type. */
  work(type: string, run: RunJob): Promise<void>;
  enqueue(job: OperationJob, database: Queryable): Promise<void>;
  /** Takes no further jobs, then ends: when those that run have ended, or after `graceMs`. */
  stop(options: { readonly graceMs: number }): Promise<void>;
  /** Is it there? For health pages; rejects with the reason. */
  check?(): Promise<void>;
}
