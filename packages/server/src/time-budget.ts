import { withTimeout } from './with-timeout.ts';

/** What remains for the rest of a command when its patience is at an end. */
const ANSWER_MS = 250;

/** The time that the steps of one command share, from now on. */
export class TimeBudget {
  readonly #totalMs: number;
  readonly #startedAt = performance.now();
  #isLate = false;

  constructor(totalMs: number) {
    this.#totalMs = totalMs;
  }

  /** Nobody waits for the result any more. */
  get isSpent(): boolean {
    // a timer may ring a fraction of a millisecond early
    return this.#isLate || this.#remainingMs <= 0;
  }

  /** Settles as `work` does, or rejects when the budget is spent. `step` is for the message. */
  async spend<T>(step: string, work: Promise<T>): Promise<T> {
    return await withTimeout(work, this.#remainingMs, () => {
      this.#isLate = true;
      return this.late(step);
    });
  }

  /** Milliseconds that a step may take and still leave the rest of the command its time. */
  get patienceMs(): number {
    return Math.max(0, this.#remainingMs - ANSWER_MS);
  }

  /** What to say when there was no answer. */
  late(step: string): Error {
    return new Error(
      `No answer from ${step} within the ${this.#totalMs} ms that a command may take`,
    );
  }

  get #remainingMs(): number {
    return this.#totalMs - (performance.now() - this.#startedAt);
  }
}
