/** Runs something at most once per interval: at once, then with the newest state at its end. */
export class Pace {
  readonly #run: () => void;
  readonly #intervalMs: number;
  #ranAt = Number.NEGATIVE_INFINITY;
  #dueAt = Number.POSITIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(intervalMs: number, run: () => void) {
    this.#intervalMs = intervalMs;
    this.#run = run;
  }

  /** Runs when the interval is over; what is urgent asks for a shorter one. */
  request(intervalMs: number = this.#intervalMs): void {
    const dueAt = this.#ranAt + intervalMs;
    if (dueAt >= this.#dueAt) return;
    const waitMs = dueAt - performance.now();
    if (waitMs <= 0) {
      this.runNow();
      return;
    }
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.runNow(), waitMs);
  }

  runNow(): void {
    this.stop();
    this.#ranAt = performance.now();
    this.#run();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }
}
