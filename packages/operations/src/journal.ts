import type { Announcer } from './announcer.ts';
import type { Database } from './database.ts';
import { messageOf } from './events.ts';
import { describeError, type OperationLog } from './log.ts';
import type { OperationRow } from './row.ts';
import { Steps, sumOf } from './steps.ts';
import { findOperation } from './store.ts';
import {
  type Ending,
  endOperation,
  type ProgressColumns,
  type Tenure,
  writeProgress,
} from './transitions.ts';

/** What a journal writes with, and whom it tells. */
export interface JournalContext {
  readonly database: Database;
  readonly announcer: Announcer;
  readonly log: OperationLog;
  /** The database says that the attempt is over, or somebody else's. */
  readonly onLost: () => void;
}

/** So that one operation costs at most 4 writes a second. */
const WRITE_INTERVAL_MS = 250;
const LONGEST_PAUSE_MS = 5000;

/**
 * Writes what one attempt tells of itself: the row first, the event behind it. The work never waits for it,
 * and whatever the database does, the newest state is written when it is back.
 */
export class Journal {
  readonly #tenure: Tenure;
  readonly #context: JournalContext;
  readonly #steps = new Steps();
  #ending: Ending | null = null;
  readonly #ended = Promise.withResolvers<OperationRow | null>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isWriting = false;
  #isMuted = false;
  #isStopped = false;
  #nextWriteAt = 0;
  /** As the last update said: an update says what it changes, and what stood before. */
  #told: ProgressColumns = {};
  #failures = 0;

  constructor(tenure: Tenure, context: JournalContext) {
    this.#tenure = tenure;
    this.#context = context;
  }

  /** Notes progress and returns; behind the end it is too late. */
  note(step: ProgressColumns): void {
    if (this.#ending || this.#isMuted) return;
    this.#steps.add(step);
    this.#schedule();
  }

  /**
   * Writes the end, at once. Resolves with the row when it is written, however long the database is away;
   * with `null` when the attempt was not this process's any more.
   */
  async end(ending: Ending): Promise<OperationRow | null> {
    if (!this.#ending) {
      this.#ending = ending;
      this.#nextWriteAt = 0;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#schedule();
    }
    return await this.#ended.promise;
  }

  /** Notes no progress from now on: the attempt is over, or not this process's any more. */
  mute(): void {
    // what was noted before the end is told with it, when the database is back
    if (this.#ending) return;
    this.#isMuted = true;
    this.#steps.take();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Writes nothing any more, not even the end. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#ended.resolve(null);
  }

  #schedule(): void {
    if (this.#timer || this.#isWriting || this.#isStopped) return;
    const waitMs = Math.max(0, this.#nextWriteAt - performance.now());
    this.#timer = setTimeout(() => void this.#write(), waitMs);
  }

  async #write(): Promise<void> {
    this.#timer = undefined;
    this.#isWriting = true;
    const steps = this.#steps.take();
    const ending = this.#ending;
    try {
      await (ending ? this.#writeEnd(steps, ending) : this.#writeSteps(steps));
      this.#failures = 0;
      // the end does not wait for its turn
      this.#nextWriteAt = this.#ending ? 0 : performance.now() + WRITE_INTERVAL_MS;
    } catch (error) {
      if (!this.#isMuted) this.#steps.putBack(steps);
      this.#onFailure(error);
    }
    this.#isWriting = false;
    const hasEnded = ending !== null && this.#failures === 0;
    if (!hasEnded && (this.#ending || !this.#steps.isEmpty)) this.#schedule();
  }

  async #writeSteps(steps: readonly ProgressColumns[]): Promise<void> {
    const { database, onLost } = this.#context;
    const row = await writeProgress(database, this.#tenure, sumOf(steps), steps.length);
    if (row) this.#announce(row, steps.slice(0, -1));
    else onLost();
  }

  async #writeEnd(steps: readonly ProgressColumns[], ending: Ending): Promise<void> {
    const { database } = this.#context;
    const written = await endOperation(
      database,
      this.#tenure,
      sumOf(steps),
      ending,
      steps.length + 1,
    );
    // the answer of an earlier try may have got lost on its way back
    const row = written ?? (this.#failures > 0 ? await this.#alreadyWritten(ending) : null);
    // behind 'crashed' nobody is told any more how it went
    if (row) this.#announce(row, written?.isLate === false ? steps : []);
    this.#ended.resolve(row);
  }

  /** It stands there already, in this attempt's name. */
  async #alreadyWritten({ state }: Ending): Promise<OperationRow | null> {
    const { id, attempt, workerId } = this.#tenure;
    const row = await findOperation(this.#context.database, id);
    const isOurs = row?.workerId === workerId && row.snapshot.attempt === attempt;
    return isOurs && row.snapshot.state === state ? row : null;
  }

  /** The row's own update comes last; before it those that the same write has covered. */
  #announce(row: OperationRow, covered: readonly ProgressColumns[]): void {
    const { seq } = row.snapshot;
    const running = asItRan(row);
    const earlier = covered.map((_, index) => {
      const known = { ...this.#told, ...sumOf(covered.slice(0, index + 1)) };
      const snapshot = { ...running, ...known, seq: seq - covered.length + index };
      return messageOf({ ...row, snapshot });
    });
    this.#told = progressOf(row);
    this.#context.announcer.announce([...earlier, messageOf(row)]);
  }

  #onFailure(error: unknown): void {
    this.#failures += 1;
    const pauseMs = Math.min(WRITE_INTERVAL_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#nextWriteAt = performance.now() + pauseMs;
    const { id: operation } = this.#tenure;
    this.#context.log.warn('operation_write_failed', {
      operation,
      failures: this.#failures,
      error: describeError(error),
    });
  }
}

/** What only the last update of a write says. */
const LAST: ReadonlySet<string> = new Set([
  'percentage',
  'stage',
  'message',
  'error',
  'result',
  'resultRef',
  'finishedAt',
]);

/** The operation as it was while it ran, before anything was said of how far it is. */
function asItRan({ snapshot }: OperationRow): OperationRow['snapshot'] {
  const fields = Object.entries(snapshot).filter(([field]) => !LAST.has(field));
  const running = Object.fromEntries(fields) as unknown as OperationRow['snapshot'];
  return snapshot.finishedAt === undefined
    ? running
    : { ...running, state: 'running', isRetryable: false };
}

function progressOf({ snapshot: { percentage, stage, message } }: OperationRow): ProgressColumns {
  return {
    ...(percentage !== undefined && { percentage }),
    ...(stage !== undefined && { stage }),
    ...(message !== undefined && { message }),
  };
}
