/** From when on an event loop counts as overloaded. `Infinity` in either: never. */
export interface EventLoopOptions {
  /** Milliseconds that the loop may be late. */
  readonly maxLagMs: number;
  /** Milliseconds for which it must be later than that. */
  readonly forMs: number;
}

const MAX_SAMPLE_MS = 1_000;
const MIN_TICK_MS = 5;
const MAX_TICK_MS = 100;

/**
 * Measures how late this process comes to its work, in samples of about a second. One stall, however
 * long, is no overload: only lag in sample after sample is.
 *
 * A timer's own drift is measured, not `monitorEventLoopDelay`: the reset between two samples makes
 * that histogram forget when it last ticked, so the stall that begins then is never recorded. With
 * stalls of a second or more, back to back, it shows an idle loop.
 */
export class EventLoopMonitor {
  readonly #options: EventLoopOptions;
  /** A stall is seen to within one tick, a tenth of what is too long. */
  readonly #tickMs: number;
  readonly #sampleMs: number;
  #timer: NodeJS.Timeout | undefined;
  #tickedAt = 0;
  #sampledAt = 0;
  /** The longest lag since the last sample. */
  #worstMs = 0;
  /** The end of the first stall of an unbroken row of samples that each had one. */
  #lateSince: number | null = null;
  #lagMs = 0;
  #isOverloaded = false;

  constructor(options: EventLoopOptions) {
    this.#options = options;
    this.#tickMs = Math.min(Math.max(options.maxLagMs / 10, MIN_TICK_MS), MAX_TICK_MS);
    this.#sampleMs = Math.min(options.forMs / 5, MAX_SAMPLE_MS);
  }

  /** How late the loop was in the last sample, at worst. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** Has it been late for so long that newcomers should go elsewhere? */
  get isOverloaded(): boolean {
    return this.#isOverloaded;
  }

  /** To be called at boot: a timer keeps the async context it was set in, and this one is nobody's. */
  start(): void {
    this.stop();
    this.#tickedAt = performance.now();
    this.#sampledAt = this.#tickedAt;
    this.#timer = setInterval(() => this.#tick(performance.now()), this.#tickMs).unref();
  }

  /** Ends the measuring and forgets what was measured. */
  stop(): void {
    clearInterval(this.#timer);
    this.#worstMs = 0;
    this.#lateSince = null;
    this.#lagMs = 0;
    this.#isOverloaded = false;
  }

  // A sample ends with a tick, so no stall is cut in two, and is as much longer as the loop is late.
  #tick(now: number): void {
    const lagMs = now - this.#tickedAt - this.#tickMs;
    this.#tickedAt = now;
    this.#worstMs = Math.max(this.#worstMs, lagMs);
    if (lagMs > this.#options.maxLagMs) this.#onStall(now);
    if (now - this.#sampledAt >= this.#sampleMs) this.#sample(now);
  }

  // Time counts from the first stall's end, not from its beginning: a single one of 10 s is not 10 s
  // of lag.
  #onStall(now: number): void {
    this.#lateSince ??= now;
    if (now - this.#lateSince >= this.#options.forMs) this.#isOverloaded = true;
  }

  #sample(now: number): void {
    this.#sampledAt = now;
    this.#lagMs = this.#worstMs;
    this.#worstMs = 0;
    if (this.#lagMs > this.#options.maxLagMs) return;
    this.#lateSince = null;
    this.#isOverloaded = false;
  }
}
