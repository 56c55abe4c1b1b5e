import { randomUUID } from 'node:crypto';
import type { Attempt } from './attempt.ts';
import type { Database } from './database.ts';
import { ShutdownError } from './errors.ts';
import {
  addWorker,
  removeOtherWorkers,
  removeWorker,
  renewLease,
  takeFromTheDead,
  waitingLongerThan,
} from './leases.ts';
import { describeError, type OperationLog } from './log.ts';
import { repeat } from './repeat.ts';
import type { OperationRow } from './row.ts';
import { cancellingOf, deleteEnded } from './store.ts';
import { within } from './within.ts';

/** What a worker does its rounds with. */
export interface WorkerContext {
  readonly database: Database;
  readonly log: OperationLog;
  /** How long a lease is valid; it is renewed three times as often. */
  readonly leaseMs: number;
  /** How long a durable operation may wait before its job counts as lost. */
  readonly overdueMs: number;
  /** How long an operation is kept after its end. */
  readonly retentionMs: number;
  /** Operations of dead workers, as they are now. */
  readonly onTaken: (rows: readonly OperationRow[]) => Promise<void>;
  /** Durable operations that nobody has begun for long. */
  readonly onOverdue: (rows: readonly OperationRow[]) => Promise<void>;
}

/** How soon a process hears that somebody has cancelled what it runs, from another one. */
const CANCEL_CHECK_MS = 1000;
const CLEANING_MS = 3_600_000;
const BATCH = 100;
/** How long the database has for the ends of what is stopped. */
const LAST_WORDS_MS = 2000;

/** This process as one that runs operations: its lease, what it runs, and its rounds (design D7). */
export class Worker {
  readonly #context: WorkerContext;
  readonly #attempts = new Set<Attempt>();
  #id: string = randomUUID();
  #stops: (() => void)[] = [];
  #renewing: Promise<void> | undefined;
  #renewFrom = 0;
  #isStopped = false;
  /** After the database was away nobody had the chance to renew: not yet time to call anybody dead. */
  #sweepFrom = 0;

  constructor(context: WorkerContext) {
    this.#context = context;
  }

  get id(): string {
    return this.#id;
  }

  get attempts(): readonly Attempt[] {
    return [...this.#attempts];
  }

  async start(): Promise<void> {
    const { database, leaseMs, overdueMs } = this.#context;
    await addWorker(database, this.#id, leaseMs);
    if (database.isExclusive) await removeOtherWorkers(database, this.#id);
    // who begins cannot know how long the database has been there: the others have the time to renew
    else this.#sweepFrom = performance.now() + leaseMs / 2;
    await this.#sweep();
    const round = leaseMs / 6;
    this.#stops = [
      repeat(round, () => this.#renewWhenDue()),
      repeat(Math.min(CANCEL_CHECK_MS, round), () =>
        this.#round('check', () => this.#checkCancels()),
      ),
      repeat(round, () => this.#sweep()),
      repeat(overdueMs / 2, () => this.#safely('overdue', () => this.#queueOverdue())),
      repeat(CLEANING_MS, () => this.#safely('clean', () => this.#clean())),
    ];
  }

  /** An attempt runs here until it is settled. */
  add(attempt: Attempt): void {
    this.#attempts.add(attempt);
    void attempt.settled.then(() => this.#attempts.delete(attempt));
  }

  /** The attempt of an operation that runs here; of several the latest: the others are not ours any more. */
  attemptOf(operationId: string): Attempt | undefined {
    return this.attempts.findLast(({ tenure }) => tenure.id === operationId);
  }

  /** Looks at once whether somebody wants an operation to stop, if it runs here. */
  look(operationId: string): void {
    if (this.attemptOf(operationId)) void this.#round('check', () => this.#checkCancels());
  }

  /** Waits for what runs, then says of the rest that it has been stopped, and lets go of the lease. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    await within(graceMs, Promise.all(this.attempts.map(({ settled }) => settled)));
    const left = this.attempts;
    await within(LAST_WORDS_MS, Promise.all(left.map((attempt) => attempt.abandon())));
    for (const attempt of left) attempt.giveUp();
    for (const stop of this.#stops) stop();
    const removing = this.#safely('stop', () => removeWorker(this.#context.database, this.#id));
    await within(1000, removing);
  }

  /** Renews the lease. If it has been taken, what runs here is lost, and what begins has a new one. */
  async renew(): Promise<void> {
    this.#renewing ??= this.#renew();
    const renewing = this.#renewing;
    try {
      await renewing;
    } finally {
      if (this.#renewing === renewing) this.#renewing = undefined;
    }
  }

  /** Three times as often as is needed. A connection that does not answer costs one round, not the lease. */
  async #renewWhenDue(): Promise<void> {
    if (performance.now() < this.#renewFrom) return;
    const dueAgain = performance.now() + this.#context.leaseMs / 4;
    if (await this.#round('renew', () => this.renew())) this.#renewFrom = dueAgain;
    else this.#renewing = undefined;
  }

  async #renew(): Promise<void> {
    const { database, leaseMs, log } = this.#context;
    const lostId = this.#id;
    if (await renewLease(database, lostId, leaseMs)) return;
    if (this.#isStopped) throw new ShutdownError();
    const id = randomUUID();
    await addWorker(database, id, leaseMs);
    // of two renewals that the database has kept waiting the first has done it
    if (this.#id !== lostId) return await removeWorker(database, id);
    log.error('operation_lease_lost', { worker: lostId, running: this.#attempts.size });
    this.#id = id;
    for (const attempt of this.attempts) if (attempt.tenure.workerId !== id) attempt.lose();
  }

  /** Does somebody want what runs here to stop? */
  async #checkCancels(): Promise<void> {
    const asked = this.attempts;
    if (asked.length === 0) return;
    const workerIds = new Set(asked.map(({ tenure }) => tenure.workerId));
    for (const workerId of workerIds) {
      // oxlint-disable-next-line no-await-in-loop -- nearly always one
      for (const { id, attempt } of await cancellingOf(this.#context.database, workerId)) {
        asked.find(({ tenure }) => tenure.id === id && tenure.attempt === attempt)?.cancel();
      }
    }
  }

  async #sweep(): Promise<void> {
    if (performance.now() < this.#sweepFrom) return;
    await this.#round('sweep', () => this.#takeFromTheDead());
  }

  async #takeFromTheDead(): Promise<void> {
    const { database, leaseMs, onTaken, log } = this.#context;
    const askedAt = performance.now();
    const taken = await database.transaction(async (transaction) => {
      // in a transaction the time is that of its beginning; when that took long, the others had no answer either
      await transaction.query('select now()');
      if (performance.now() - askedAt > leaseMs / 3) throw new Error('The database was away');
      const running = this.attempts.map(({ tenure }) => tenure.id);
      return await takeFromTheDead(transaction, { id: this.#id, leaseMs, running });
    });
    if (taken.length > 0) log.warn('operations_taken', { count: taken.length });
    await onTaken(taken);
  }

  async #queueOverdue(): Promise<void> {
    const { database, overdueMs, onOverdue } = this.#context;
    await onOverdue(await waitingLongerThan(database, overdueMs, BATCH));
  }

  async #clean(): Promise<void> {
    const { database, retentionMs } = this.#context;
    // oxlint-disable-next-line no-await-in-loop -- in pieces that lock little
    while ((await deleteEnded(database, retentionMs, BATCH)) === BATCH);
  }

  /**
   * Is not waited for when the database does not answer: the next one has another connection. Says whether
   * it did.
   */
  async #round(what: string, task: () => Promise<void>): Promise<boolean> {
    const { leaseMs } = this.#context;
    let isDone = false;
    const watched = async () => {
      await task();
      isDone = true;
    };
    await within(leaseMs / 6, this.#safely(what, watched));
    if (!isDone) this.#sweepFrom = performance.now() + leaseMs;
    return isDone;
  }

  /** The rounds go on, whatever happens in one. */
  async #safely(what: string, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.#context.log.warn('operation_round_failed', { what, error: describeError(error) });
    }
  }
}
