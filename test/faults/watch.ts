import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again and again while something else happens. */
export class Watch {
  readonly #watching: Promise<void>;
  #isOver = false;

  /** `look` is told how many milliseconds ago the watch began. */
  constructor(everyMs: number, look: (sinceMs: number) => Promise<void>) {
    this.#watching = this.#watch(everyMs, look);
  }

  /** Looks for the last time; rejects with what has gone wrong with looking. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  async #watch(everyMs: number, look: (sinceMs: number) => Promise<void>): Promise<void> {
    const begin = performance.now();
    let isLast: boolean;
    do {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await sleep(everyMs);
      isLast = this.#isOver;
      // oxlint-disable-next-line no-await-in-loop -- see above
      await look(performance.now() - begin);
    } while (!isLast);
  }
}
