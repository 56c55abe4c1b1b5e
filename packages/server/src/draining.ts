import type { DrainOptions } from './node-options.ts';

/** What holds where nothing else is said: together less than the 30 s that Kubernetes gives a process. */
export const defaultDrain: Readonly<Required<DrainOptions>> = {
  waitMs: 5_000,
  spreadMs: 15_000,
  deadlineMs: 25_000,
};

/** A node's way down: all its times count from when it began to refuse newcomers. */
export class Draining {
  #begunAt: number | undefined;

  get hasBegun(): boolean {
    return this.#begunAt !== undefined;
  }

  /** For how many milliseconds it has been on its way down: 0 for who begins it. */
  begin(): number {
    const now = performance.now();
    this.#begunAt ??= now;
    return now - this.#begunAt;
  }

  /** What is left of these times. What was done before the first close takes from the spread, if it must. */
  timesLeft(options: DrainOptions): Required<DrainOptions> {
    const {
      waitMs = defaultDrain.waitMs,
      spreadMs = defaultDrain.spreadMs,
      deadlineMs = defaultDrain.deadlineMs,
    } = options;
    const elapsedMs = this.begin();
    const left = Math.max(0, deadlineMs - elapsedMs);
    const wait = Math.min(left, Math.max(0, waitMs - elapsedMs));
    return { waitMs: wait, spreadMs: Math.min(spreadMs, left - wait), deadlineMs: left };
  }
}
