import type { PGlite } from '@electric-sql/pglite';
import type { Database, OperationHandle, Runner, Work } from '@trunkline/operations';
import { bullmqRunner } from '@trunkline/operations/bullmq';
import { pgBossRunner } from '@trunkline/operations/pg-boss';
import { Queue } from 'bullmq';
import type { Keyspace } from '../../../test/services/redis-keyspace.ts';
import { ControlledWork } from './controlled-work.ts';
import { MemoryLog } from './engine.ts';
import { sql, type TestStore } from './store.ts';

/** Who runs operations, and where they are, as the behaviour suite sees it. */
export interface RunnerUnderTest {
  readonly store: Pick<TestStore, 'database' | 'transaction'>;
  /** The runner of one engine; `undefined`: work runs where it was started. */
  runner(options?: { concurrency?: number }): Runner | undefined;
}

/** One that keeps its jobs in a queue. */
export interface QueueUnderTest extends RunnerUnderTest {
  runner(options?: { concurrency?: number }): Runner;
  /** How many jobs of a type are not done. */
  jobs(type: string): Promise<number>;
  /** Loses those that wait, as a queue does that somebody has emptied. */
  lose(type: string): Promise<void>;
}

/** A database as a store whose transactions are the app's. */
export function storeOf(database: Database): RunnerUnderTest['store'] {
  return { database, transaction: (work) => database.transaction(work) };
}

/** pg-boss in the database of a store. */
export function pgBossUnderTest(
  database: Database,
  place: { pglite: PGlite } | { connectionString: string },
): QueueUnderTest {
  const store = storeOf(database);
  const jobs = `from pgboss.job where name = 'trunkline.' || $1`;
  return {
    store,
    runner: (options) =>
      pgBossRunner({ ...place, ...options, pollingIntervalMs: 200, log: new MemoryLog() }),
    jobs: async (type) => {
      const unfinished = `${jobs} and state in ('created', 'retry', 'active')`;
      const [row] = await sql<{ count: number }>(
        store,
        `select count(*)::integer as count ${unfinished}`,
        [type],
      );
      return row?.count ?? 0;
    },
    lose: async (type) => {
      await sql(store, `delete ${jobs} and state in ('created', 'retry')`, [type]);
    },
  };
}

/** BullMQ in a part of a Redis, beside the database of a store. */
export function bullmqUnderTest(database: Database, { url, prefix }: Keyspace): QueueUnderTest {
  const store = storeOf(database);
  const ask = async <T>(type: string, question: (queue: Queue) => Promise<T>): Promise<T> => {
    const queue = new Queue(`trunkline.${type}`, { connection: { url }, prefix });
    try {
      return await question(queue);
    } finally {
      await queue.close();
    }
  };
  return {
    store,
    runner: (options) =>
      bullmqRunner({ connection: { url }, prefix, ...options, log: new MemoryLog() }),
    jobs: (type) => ask(type, (queue) => queue.getJobCountByTypes('waiting', 'delayed', 'active')),
    lose: (type) => ask(type, (queue) => queue.drain(true)),
  };
}

/** Work that a test holds in its hands, attempt by attempt. */
export class ControlledAttempts {
  readonly #attempts = new Map<number, ControlledWork>();

  readonly work: Work = (operation: OperationHandle) =>
    this.attempt(operation.attempt).work(operation);

  attempt(number: number): ControlledWork {
    const attempt = this.#attempts.get(number) ?? new ControlledWork();
    this.#attempts.set(number, attempt);
    return attempt;
  }
}

let types = 0;

/** A type of operation that no other test has. */
export function newType(): string {
  types += 1;
  return `work-${process.pid}-${types}`;
}
