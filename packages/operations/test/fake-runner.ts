import type { OperationJob, RunJob, Runner } from '@trunkline/operations';

/** A job queue in memory. Where it is none of the database's, a job is brought at once. */
export class FakeRunner implements Runner {
  readonly name = 'bullmq';
  readonly isTransactional: boolean;
  readonly jobs: OperationJob[] = [];
  isStarted = false;
  isStopped = false;
  readonly #workers = new Map<string, RunJob>();

  constructor({ isTransactional = false } = {}) {
    this.isTransactional = isTransactional;
  }

  async start(): Promise<void> {
    this.isStarted = true;
  }

  async work(type: string, run: RunJob): Promise<void> {
    this.#workers.set(type, run);
  }

  async enqueue(job: OperationJob): Promise<void> {
    if (!this.isStarted) throw new Error('This queue has not been started');
    this.jobs.push(job);
    if (!this.isTransactional) void this.bring(job).catch(() => {});
  }

  /** Runs the newest job of an operation here. */
  async bring({ operationId, type }: Pick<OperationJob, 'operationId' | 'type'>): Promise<void> {
    await this.#workers.get(type)?.({ operationId });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }
}
