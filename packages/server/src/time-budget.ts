import { withTimeout } from './with-timeout.ts';

/** The time that the steps of one command share, from now on. */
export class TimeBudget {
  readonly #totalMs: number;
  readonly #startedAt = performance.now();

  constructor(totalMs: number) {
    this.#totalMs = totalMs;
  }

  /** Nobody waits for the result any more. */
  get isSpent(): boolean {
    return this.#remainingMs <= 0;
  }

  /** Settles as `work` does, or rejects when the budget is spent. `step` is for the message. */
  async spend<T>(step: string, work: Promise<T>): Promise<T> {
    return await withTimeout(work, this.#remainingMs, () => this.late(step));
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
