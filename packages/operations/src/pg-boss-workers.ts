import type { PgBoss } from 'pg-boss';
import type { RunJob } from './runner.ts';

/** What a job says: whose turn it is. */
export interface JobData {
  readonly operationId: string;
}

/** How many jobs of a queue run at once in this process, and how often it looks for one. */
export interface WorkersOptions {
  readonly concurrency: number;
  readonly pollingIntervalMs: number;
}

/** How often a worker looks that nobody has nudged. */
const OWN_POLLING_SECONDS = 60;

/**
 * The workers of one queue. pg-boss wakes all of them when somebody adds a job; what it does not tell, jobs
 * whose time has come and jobs behind the one just done, is looked for by one that is idle, not by each.
 */
export class PgBossWorkers {
  readonly #boss: PgBoss;
  readonly #idle = new Set<string>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(boss: PgBoss) {
    this.#boss = boss;
  }

  async start(queue: string, options: WorkersOptions, run: RunJob): Promise<void> {
    const { concurrency, pollingIntervalMs } = options;
    const starting = Array.from({ length: concurrency }, () => this.#startOne(queue, run));
    await Promise.all(starting);
    this.#timer = setInterval(() => this.#nudge(), pollingIntervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #startOne(queue: string, run: RunJob): Promise<void> {
    const polling = {
      pollingIntervalSeconds: OWN_POLLING_SECONDS,
      notifyPollingIntervalSeconds: OWN_POLLING_SECONDS,
    };
    const id: string = await this.#boss.work<JobData>(queue, polling, async ([job]) => {
      this.#idle.delete(id);
      this.#nudge();
      try {
        if (job) await run(job.data);
      } finally {
        this.#idle.add(id);
        this.#boss.notifyWorker(id);
      }
    });
    this.#idle.add(id);
  }

  #nudge(): void {
    const [first] = this.#idle;
    if (first !== undefined) this.#boss.notifyWorker(first);
  }
}
