/**
 * A rate with a burst: fills by the second, and each taking empties it. Time is monotonic and handed in
 * by whoever has read the clock already.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt: number;

  constructor(perSecond: number, burst: number, now: number = performance.now()) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAt = now;
  }

  /** Takes that many if they are there; `false` takes nothing. */
  take(count = 1, now: number = performance.now()): boolean {
    this.#fill(now);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes as long as the bucket is not empty, and may leave a debt: for what cannot be cut up. */
  borrow(count: number, now: number = performance.now()): boolean {
    this.#fill(now);
    if (this.#tokens <= 0) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes, whatever is there, and may leave a debt: for what cannot be refused. */
  charge(count: number, now: number = performance.now()): void {
    this.#fill(now);
    this.#tokens -= count;
  }

  /** Milliseconds until something is there again; 0: now. */
  waitMs(now: number = performance.now()): number {
    this.#fill(now);
    return this.#tokens > 0 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs);
  }

  /** Is it as full as it can be? Then nobody has used it for a while. */
  isFull(now: number = performance.now()): boolean {
    this.#fill(now);
    return this.#tokens >= this.#burst;
  }

  #fill(now: number): void {
    const elapsedMs = Math.max(0, now - this.#filledAt);
    this.#filledAt = now;
    if (elapsedMs === 0) return; // `Infinity` times nothing is no number
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsedMs * this.#perMs);
  }
}
