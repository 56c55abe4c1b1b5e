import { Queue, type RedisOptions, Worker } from 'bullmq';
import { Complaints } from './complaints.ts';
import { consoleLog, type OperationLog } from './log.ts';
import type { OperationJob, RunJob, Runner } from './runner.ts';
import { within } from './within.ts';

/** Where BullMQ keeps its jobs, and how it works. */
export interface BullmqRunnerOptions {
  /** Redis, as BullMQ's `connection` takes it: `{ url }`, or host, port and the rest. BullMQ needs `ioredis` for it. */
  readonly connection: RedisOptions;
  /** What the names of all keys begin with. Default BullMQ's own, `bull`. */
  readonly prefix?: string;
  /** How many operations of one type this process runs at once. Default 5. */
  readonly concurrency?: number;
  /** Default: warnings and errors as lines of JSON on standard error. */
  readonly log?: OperationLog;
}

/**
 * Durable operations wait in BullMQ. A job follows its operation, when that is stored; one that gets lost on
 * the way, or in Redis, comes again after a minute.
 */
export function bullmqRunner(options: BullmqRunnerOptions): Runner {
  return new BullmqRunner(options);
}

const ENQUEUE_MS = 2000;
const CLOSE_MS = 1000;
/** Work that was told to stop may still say how it ended. */
const GOODBYE_MS = 1000;
/** A command fails when Redis is away, and is not kept for later: the operation's row is. */
const IMPATIENT = {
  connectTimeout: ENQUEUE_MS,
  commandTimeout: ENQUEUE_MS,
  maxRetriesPerRequest: 1,
  retryStrategy: (tries: number): number => Math.min(100 * tries, 1000),
};
const PATIENT = { maxRetriesPerRequest: null };
/** Jobs that were not run, because the database was away or the process closed, come again for two minutes. */
const RETRIES = { attempts: 8, backoff: { type: 'exponential', delay: 1000 } };
/** How often its process may die is the operation's to count. */
const MOST_STALLS = 1000;

interface JobData {
  readonly operationId: string;
}

class BullmqRunner implements Runner {
  readonly name = 'bullmq';
  readonly isTransactional = false;
  readonly #options: BullmqRunnerOptions;
  readonly #complaints: Complaints;
  readonly #queues = new Map<string, Queue<JobData>>();
  readonly #workers = new Map<string, Worker<JobData>>();
  #leaseMs = 0;

  constructor(options: BullmqRunnerOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.log ?? consoleLog);
  }

  async start({ leaseMs }: { readonly leaseMs: number }): Promise<void> {
    this.#leaseMs = leaseMs;
  }

  async work(type: string, run: RunJob): Promise<void> {
    if (this.#workers.has(type)) return;
    const { concurrency = 5 } = this.#options;
    const worker = new Worker<JobData>(queueOf(type), async ({ data }) => await run(data), {
      ...this.#place(PATIENT),
      concurrency,
      lockDuration: this.#leaseMs,
      stalledInterval: this.#leaseMs,
      maxStalledCount: MOST_STALLS,
    });
    worker.on('error', (error) => this.#complaints.warn('worker', error));
    this.#workers.set(type, worker);
  }

  async enqueue({ operationId, attempt, type, delayMs }: OperationJob): Promise<void> {
    const adding = this.#queue(type).add(
      type,
      { operationId },
      // the queue holds a job of this id only once; one that is done may come again
      { jobId: `${operationId}-${attempt}`, delay: delayMs },
    );
    if (await within(ENQUEUE_MS, adding)) return;
    throw new Error(`Redis did not take the job within ${ENQUEUE_MS} ms`);
  }

  async stop({ graceMs }: { readonly graceMs: number }): Promise<void> {
    const workers = [...this.#workers.values()];
    const pausing = workers.map((worker) => worker.pause());
    await this.#inTime(graceMs + GOODBYE_MS, Promise.all(pausing));
    // without a word to Redis, which may be away: it would be waited for
    const closing = workers.map((worker) => worker.close(true));
    const leaving = [...this.#queues.values()].map((queue) => queue.disconnect());
    await this.#inTime(CLOSE_MS, Promise.all([...closing, ...leaving]));
  }

  async check(): Promise<void> {
    const [type] = this.#workers.keys();
    if (type === undefined) return;
    if (await within(ENQUEUE_MS, this.#queue(type).getWaitingCount())) return;
    throw new Error(`Redis did not answer within ${ENQUEUE_MS} ms`);
  }

  #queue(type: string): Queue<JobData> {
    const known = this.#queues.get(type);
    if (known) return known;
    const queue = new Queue<JobData>(queueOf(type), {
      ...this.#place(IMPATIENT),
      skipWaitingForReady: true,
      skipVersionCheck: true,
      defaultJobOptions: { ...RETRIES, removeOnComplete: true, removeOnFail: true },
    });
    queue.on('error', (error) => this.#complaints.warn('queue', error));
    this.#queues.set(type, queue);
    return queue;
  }

  #place(manners: RedisOptions): { connection: RedisOptions; prefix?: string } {
    const { connection, prefix } = this.#options;
    return {
      connection: { ...connection, ...manners },
      ...(prefix !== undefined && { prefix }),
    };
  }

  async #inTime(limitMs: number, ending: Promise<unknown>): Promise<void> {
    await within(
      limitMs,
      ending.catch((error: unknown) => this.#complaints.warn('stop', error)),
    );
  }
}

function queueOf(type: string): string {
  return `trunkline.${type}`;
}
