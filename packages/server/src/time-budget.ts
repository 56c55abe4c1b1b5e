import { withTimeout } from './with-timeout.ts';

/** The time that the steps of one command share, from now on. */
export class TimeBudget {
  readonly #totalMs: number;
  readonly #startedAt = performance.now();

  constructor(totalMs: number) {
    this.#totalMs = totalMs;
  }

  /** Settles as `work` does, or rejects when the budget is spent. `step` is for the message. */
  async spend<T>(step: string, work: Promise<T>): Promise<T> {
    const remainingMs = this.#totalMs - (performance.now() - this.#startedAt);
    const late = () =>
      new Error(`No answer from ${step} within the ${this.#totalMs} ms that a command may take`);
    return await withTimeout(work, remainingMs, late);
  }
}
