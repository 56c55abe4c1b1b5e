import type { OperationDefinition } from '@trunkline/contract';
import type { OperationContext } from './access.ts';
import type { Announcer } from './announcer.ts';
import { Attempt } from './attempt.ts';
import type { AttemptContext, AttemptOptions } from './attempt-options.ts';
import { isCommitted, transactionId } from './committed.ts';
import type { Database, Queryable } from './database.ts';
import { DurableQueue } from './durable-queue.ts';
import { messageOf } from './events.ts';
import { Handlers, type Work } from './handlers.ts';
import type { OperationLimits } from './limits.ts';
import { describeError, type OperationLog } from './log.ts';
import { persistently } from './persistently.ts';
import type { OperationRow } from './row.ts';
import type { Runner } from './runner.ts';
import { checked } from './schema-check.ts';
import { findOperation } from './store.ts';
import { TransactionJournal } from './transaction-journal.ts';
import { claimOperation, requeueOperation, type Tenure } from './transitions.ts';
import { Worker } from './worker.ts';

/** What an engine is made of. */
export interface EngineOptions {
  readonly database: Database;
  readonly announcer: Announcer;
  readonly log: OperationLog;
  readonly limits: OperationLimits;
  readonly context: OperationContext;
  readonly runner: Runner | null;
  readonly runChild: AttemptContext['runChild'];
}

/** How to run the attempt of a row that is this process's. */
export type RunOptions = Omit<AttemptOptions, 'workerId' | 'transaction' | 'journal'>;

/** Runs attempts in this process, and takes part in running everybody's. */
export class Engine {
  readonly handlers: Handlers = new Handlers();
  readonly queue: DurableQueue;
  readonly #options: EngineOptions;
  readonly #worker: Worker;
  readonly #attemptContext: AttemptContext;
  readonly #closed = new AbortController();
  #takesWork = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { limits, runner, log } = options;
    this.queue = new DurableQueue(runner, log);
    this.#attemptContext = {
      ...options,
      ...limits,
      requeue: (tenure, extra) => this.#requeue(tenure, extra),
    };
    this.#worker = new Worker({
      ...options,
      ...limits,
      onTaken: (rows) => this.#onTaken(rows),
      onOverdue: (rows) => this.queue.add(rows, options.database),
    });
  }

  /** What stands for this process in the rows of what it runs. */
  get workerId(): string {
    return this.#worker.id;
  }

  get isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  /** How many attempts run in this process. */
  get running(): number {
    return this.#worker.attempts.length;
  }

  async open(): Promise<void> {
    const { runner, limits } = this.#options;
    // the worker's first look at what the dead have left puts it into the queue
    await runner?.start({ leaseMs: limits.leaseMs });
    await this.#worker.start();
  }

  /** Takes durable work from here on. */
  async begin(): Promise<void> {
    if (this.#takesWork) return;
    this.#takesWork = true;
    for (const { definition } of this.handlers.values()) await this.#workOn(definition.type);
  }

  /** Takes no more work, waits for what runs, and says of the rest that it was stopped. */
  async close(graceMs: number): Promise<void> {
    this.#closed.abort();
    const stopping = this.#options.runner?.stop({ graceMs });
    await this.#worker.stop(graceMs);
    await stopping;
  }

  /** Registers who does the work of a type. */
  handle(definition: OperationDefinition, work: Work): () => void {
    const remove = this.handlers.add({ definition, work });
    if (this.#takesWork) {
      this.#workOn(definition.type).catch((error: unknown) => {
        const { log } = this.#options;
        log.error('operation_runner_failed', {
          type: definition.type,
          error: describeError(error),
        });
      });
    }
    return remove;
  }

  /** Runs an attempt; that it has begun is announced. */
  async run<Result>(options: RunOptions, work: Work<never, Result>): Promise<Result> {
    const attempt = this.#newAttempt(options);
    this.announce([options.row]);
    return await attempt.run(work);
  }

  /** Runs an attempt on behalf of the operation's owner, if its input is what the definition's schema asks for. */
  async runAsOwner<Result>(options: RunOptions, work: Work<never, Result>): Promise<Result> {
    const { context } = this.#options;
    return await context.runAs(options.row.owner, () => this.#runChecked(options, work));
  }

  async #runChecked<Result>(options: RunOptions, work: Work<never, Result>): Promise<Result> {
    const { definition } = options;
    const refuse = (problems: string) =>
      new Error(`The input of ${definition.type} does not fit its schema: ${problems}`);
    const parsing = checked(definition.input, options.input, refuse);
    const [parsed] = await Promise.allSettled([parsing]);
    // an input that does not fit is a failure of the attempt, and told as one
    if (parsed.status === 'rejected')
      return await this.run(options, () => Promise.reject(parsed.reason as Error));
    return await this.run({ ...options, input: parsed.value }, work);
  }

  /** Runs work inside a transaction of the app: its beginning and its end are part of it. */
  async runWithin<Result>(
    transaction: Queryable,
    options: RunOptions,
    work: Work<never, Result>,
  ): Promise<Result> {
    const { log, database } = this.#options;
    const { id, attempt: number } = options.row.snapshot;
    const tenure = { id, attempt: number, workerId: options.row.workerId ?? this.workerId };
    const journal = new TransactionJournal(tenure, transaction, log);
    await this.whenCommitted(transaction, async () => {
      const row = await findOperation(database, id);
      if (row) this.announce([row]);
    });
    return await this.#newAttempt({ ...options, transaction, journal }).run(work);
  }

  /** Lets the handler of its type run an attempt that is this process's, and nobody wait for it. */
  runHandler(row: OperationRow): void {
    void this.#runHandled(row);
  }

  /** Runs the attempt of a job, if it still waits for somebody. */
  async runJob(type: string, operationId: string): Promise<void> {
    if (this.isClosed) throw new Error('This process takes no more work');
    // another process may have one: the job is to come again there
    if (!this.handlers.get(type)) throw new Error(`There is no handler for ${type} here`);
    const row = await this.withLease((workerId) =>
      claimOperation(this.#options.database, operationId, workerId),
    );
    if (row) await this.#runHandled(row);
  }

  /** That somebody has cancelled it is announced; the attempt, if it runs here, is told to stop. */
  tellCancelled(row: OperationRow): void {
    const { id, state } = row.snapshot;
    if (state !== 'cancelling' && state !== 'cancelled') return;
    this.announce([row]);
    this.#worker.attemptOf(id)?.cancel();
  }

  /** Something may have become of an operation in another process: one that runs here may have to stop. */
  look(id: string): void {
    this.#worker.look(id);
  }

  /** Takes an operation that waited for the caller's transaction; `null`: it is not there, or not ours. */
  async claim({ snapshot, workerId: formerId }: OperationRow): Promise<OperationRow | null> {
    const { database } = this.#options;
    return await this.withLease((workerId) =>
      claimOperation(database, snapshot.id, workerId, formerId ?? workerId),
    );
  }

  /** Does something in the worker's name; once more when that is another one, because its lease was gone. */
  async withLease(
    act: (workerId: string) => Promise<OperationRow | null>,
  ): Promise<OperationRow | null> {
    const { workerId } = this;
    const row = await act(workerId);
    if (row || (await this.leasedWorker()) === workerId) return row;
    return await act(this.workerId);
  }

  /** The worker's name, when it has a lease for certain. */
  async leasedWorker(): Promise<string> {
    await this.#worker.renew();
    return this.workerId;
  }

  /** Does something when a transaction of the app has committed, if it does. */
  async whenCommitted(transaction: Queryable, then: () => void | Promise<void>): Promise<void> {
    const { database, log } = this.#options;
    const id = await transactionId(transaction);
    const ending = isCommitted(database, id, { log, signal: this.#closed.signal });
    const persistence = {
      isOver: () => this.isClosed,
      onFailure: (error: unknown) => {
        log.warn('operation_round_failed', { what: 'commit', error: describeError(error) });
      },
    };
    void ending.then(async (isOver) =>
      isOver ? await persistently(async () => await then(), persistence) : undefined,
    );
  }

  announce(rows: readonly OperationRow[]): void {
    for (const row of rows) this.#options.announcer.announce([messageOf(row)]);
  }

  #newAttempt(options: Omit<AttemptOptions, 'workerId'>): Attempt {
    const workerId = options.row.workerId ?? this.workerId;
    const attempt = new Attempt({ ...options, workerId }, this.#attemptContext);
    this.#worker.add(attempt);
    return attempt;
  }

  /** Never rejects: the attempt has told the user, and logged, what went wrong. */
  async #runHandled(row: OperationRow): Promise<void> {
    const { type } = row.snapshot;
    const { definition, work } = this.handlers.get(type) ?? {
      definition: { type },
      work: () => Promise.reject(new Error(`There is no handler for ${type} here`)),
    };
    const input = row.input ?? undefined;
    await this.runAsOwner({ row, definition, input }, work).catch(() => {});
  }

  async #workOn(type: string): Promise<void> {
    await this.#options.runner?.work(type, ({ operationId }) => this.runJob(type, operationId));
  }

  /** Behind the transaction that took them: a queue that refuses must not keep the others running for ever. */
  async #onTaken(rows: readonly OperationRow[]): Promise<void> {
    this.announce(rows);
    await this.queue.add(rows, this.#options.database);
  }

  async #requeue(tenure: Tenure, extraAttempts: 0 | 1): Promise<boolean> {
    const { database } = this.#options;
    const row = await database.transaction(async (transaction) => {
      const requeued = await requeueOperation(transaction, tenure, extraAttempts);
      if (requeued) await this.queue.addWithin([requeued], transaction);
      return requeued;
    });
    if (!row) return false;
    this.announce([row]);
    await this.queue.addBehind([row], database);
    return true;
  }
}
