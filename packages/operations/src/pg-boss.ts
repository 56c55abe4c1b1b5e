import { type Db, fromPglite, type PGliteLike, PgBoss } from 'pg-boss';
import { Complaints } from './complaints.ts';
import { CreatedQueues } from './created-queues.ts';
import type { Queryable } from './database.ts';
import { consoleLog, type OperationLog } from './log.ts';
import { type JobData, PgBossWorkers } from './pg-boss-workers.ts';
import type { OperationJob, RunJob, Runner } from './runner.ts';
import { within } from './within.ts';

/** Where pg-boss keeps its jobs, one of three, and how it works. */
export interface PgBossRunnerOptions {
  /** The app's PGlite. */
  readonly pglite?: PGliteLike;
  /** The app's Postgres, where pg-boss opens a few connections of its own. */
  readonly connectionString?: string;
  /** The app's own pg-boss, on the operations' database. It is started, if it is not, and never stopped. */
  readonly boss?: PgBoss;
  /** The schema of pg-boss's tables. Default `pgboss`. */
  readonly schema?: string;
  /** How many operations of one type this process runs at once. Default 5. */
  readonly concurrency?: number;
  /** How often to look for jobs that nobody is told of, because their time has just come. Default 2 s. */
  readonly pollingIntervalMs?: number;
  /** Default: warnings and errors as lines of JSON on standard error. */
  readonly log?: OperationLog;
}

/** Durable operations wait in pg-boss, in their own database: the job is there if and only if the operation is. */
export function pgBossRunner(options: PgBossRunnerOptions): Runner {
  const { pglite, connectionString, boss } = options;
  const count = [pglite, connectionString, boss].filter((given) => given !== undefined).length;
  if (count === 1) return new PgBossRunner(options);
  throw new TypeError(
    `pgBossRunner takes one of pglite, connectionString and boss: where the operations are. It got ${count} of them`,
  );
}

/** pg-boss takes no less. */
const SHORTEST_HEARTBEAT_SECONDS = 10;
/** pg-boss takes no more. Work may last longer: a job that comes again finds it running. */
const EXPIRE_SECONDS = 24 * 3600;
/** Jobs that were not run, because the database was away or the process closed, come again. */
const RETRIES = { retryLimit: 20, retryDelay: 1, retryBackoff: true, retryDelayMax: 60 };
/** A job that is done says nothing that the operation's row does not. */
const KEEP_SECONDS = 3600;
const ROUND_SECONDS = 30;
const MOST_CONNECTIONS = 4;
const QUEUE_WAIT_MS = 1000;
/** Work that was told to stop may still say how it ended. */
const GOODBYE_MS = 1000;

class PgBossRunner implements Runner {
  readonly name = 'pg-boss';
  readonly isTransactional = true;
  readonly #options: PgBossRunnerOptions;
  readonly #complaints: Complaints;
  readonly #queues: CreatedQueues;
  readonly #workers = new Map<string, PgBossWorkers>();
  readonly #stopped = new AbortController();
  #started: PgBoss | undefined;
  #heartbeatSeconds = SHORTEST_HEARTBEAT_SECONDS;

  constructor(options: PgBossRunnerOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.log ?? consoleLog);
    this.#queues = new CreatedQueues(
      (queue) => this.#createQueue(queue),
      (error) => this.#complaints.warn('queue', error),
    );
  }

  async start({ leaseMs }: { readonly leaseMs: number }): Promise<void> {
    this.#heartbeatSeconds = Math.max(SHORTEST_HEARTBEAT_SECONDS, Math.ceil(leaseMs / 1000));
    this.#started = this.#options.boss ?? this.#newBoss();
    await this.#started.start();
    for (const { name } of await this.#started.getQueues()) this.#queues.add(name);
  }

  async work(type: string, run: RunJob): Promise<void> {
    const { concurrency = 5, pollingIntervalMs = 2000 } = this.#options;
    const queue = queueOf(type);
    if (this.#workers.has(queue)) return;
    const workers = new PgBossWorkers(this.#boss);
    this.#workers.set(queue, workers);
    await this.#queues.createdAtLast(queue, this.#stopped.signal);
    if (this.#stopped.signal.aborted) return;
    await workers.start(queue, { concurrency, pollingIntervalMs }, run);
  }

  async enqueue(job: OperationJob, database: Queryable): Promise<void> {
    const queue = queueOf(job.type);
    if (await this.#isThere(queue)) await this.#send(queue, job, { db: toDb(database) });
    else this.#sendBehind(queue, job);
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#stopped.abort();
    for (const workers of this.#workers.values()) workers.stop();
    const timeout = graceMs + GOODBYE_MS;
    const stopping = this.#options.boss
      ? this.#leave(this.#options.boss)
      : this.#started?.stop({ graceful: true, timeout });
    const stopped = stopping?.catch((error: unknown) => this.#complaints.warn('stop', error));
    if (stopped) await within(timeout + GOODBYE_MS, stopped);
  }

  async check(): Promise<void> {
    await this.#boss.schemaVersion();
  }

  get #boss(): PgBoss {
    if (this.#started) return this.#started;
    throw new Error('pg-boss has not been started: Operations.open starts its runner');
  }

  #newBoss(): PgBoss {
    const { pglite, connectionString, schema } = this.#options;
    const boss = new PgBoss({
      ...(pglite && { db: fromPglite(pglite), backend: 'pglite' }),
      ...(connectionString !== undefined && { connectionString, max: MOST_CONNECTIONS }),
      ...(schema !== undefined && { schema }),
      useListenNotify: true,
      schedule: false,
      registerInstance: false,
      superviseIntervalSeconds: ROUND_SECONDS,
      monitorIntervalSeconds: ROUND_SECONDS,
      maintenanceIntervalSeconds: KEEP_SECONDS,
      // jobs that wait for other jobs: there are none
      flowIntervalSeconds: KEEP_SECONDS,
    });
    boss.on('error', (error) => this.#complaints.warn('error', error));
    boss.on('warning', ({ message }) => this.#complaints.warn('warning', message));
    return boss;
  }

  async #send(queue: string, job: OperationJob, options: { db?: Db }): Promise<void> {
    const { operationId, attempt, delayMs } = job;
    const data: JobData = { operationId };
    await this.#boss.send(queue, data, {
      ...options,
      // the queue holds a job of this key only once; one that is done may come again
      singletonKey: `${operationId}-${attempt}`,
      startAfter: Math.ceil(delayMs / 1000),
      heartbeatSeconds: this.#heartbeatSeconds,
    });
  }

  /** Not with the transaction, then: a job without its operation is nothing that is done. */
  #sendBehind(queue: string, job: OperationJob): void {
    const sending = this.#queues.created(queue).then(() => this.#send(queue, job, {}));
    sending.catch((error: unknown) => this.#complaints.warn('enqueue', error));
  }

  /**
   * Is the queue there? On PGlite nobody can wait for that inside a transaction, because it is what the
   * queue's creation waits for; elsewhere not for long, because both may wait for a connection.
   */
  async #isThere(queue: string): Promise<boolean> {
    if (this.#queues.has(queue)) return true;
    const created = this.#queues
      .created(queue)
      .catch((error: unknown) => this.#complaints.warn('queue', error));
    if (!this.#options.pglite) await within(QUEUE_WAIT_MS, created);
    return this.#queues.has(queue);
  }

  async #createQueue(queue: string): Promise<void> {
    await this.#boss.createQueue(queue, {
      policy: 'exclusive',
      notify: true,
      expireInSeconds: EXPIRE_SECONDS,
      deleteAfterSeconds: KEEP_SECONDS,
      ...RETRIES,
    });
  }

  async #leave(boss: PgBoss): Promise<void> {
    const leaving = [...this.#workers.keys()].map((queue) => boss.offWork(queue, { wait: true }));
    await Promise.all(leaving);
  }
}

function queueOf(type: string): string {
  return `trunkline.${type}`;
}

/** pg-boss's own name for something that runs a statement. */
function toDb(database: Queryable): Db {
  return {
    executeSql: async (text, parameters) => await database.query(text, parameters),
  };
}
