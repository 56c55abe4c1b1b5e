/** Runs something at most once per interval: at once, then with the newest state at its end. */
export class Pace {
  readonly #run: () => void;
  readonly #intervalMs: number;
  #ranAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(intervalMs: number, run: () => void) {
    this.#intervalMs = intervalMs;
    this.#run = run;
  }

  request(): void {
    if (this.#timer !== undefined) return;
    const waitMs = this.#ranAt + this.#intervalMs - performance.now();
    if (waitMs > 0) this.#timer = setTimeout(() => this.#runNow(), waitMs);
    else this.#runNow();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #runNow(): void {
    this.#timer = undefined;
    this.#ranAt = performance.now();
    this.#run();
  }
}
