import type { TokenBucket } from './rate.ts';

interface Waiter {
  readonly bytes: number;
  readonly until: number;
  resolve(hasBytes: boolean): void;
}

/** What one tenant's recoveries work with. */
export interface RecoveriesOptions {
  /** Bytes written to the tenant's sessions per second. */
  readonly bytes: () => TokenBucket;
  /** Milliseconds that one waits for its turn. */
  readonly patienceMs: number;
}

/**
 * One tenant's recoveries, in the order of their asking. What they carry counts to the tenant's bytes per
 * second as deliveries do: when all its clients come back at once, they wait for one another, and nobody
 * else's do.
 */
export class Recoveries {
  readonly #options: RecoveriesOptions;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RecoveriesOptions) {
    this.#options = options;
  }

  /** Takes that many bytes; `false`: the tenant had none left for that long. */
  take(bytes: number): boolean | Promise<boolean> {
    if (bytes === 0) return true; // who has missed nothing waits for nobody
    if (this.#waiters.length === 0 && this.#options.bytes().borrow(bytes)) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const until = performance.now() + this.#options.patienceMs;
    this.#waiters.push({ bytes, until, resolve });
    this.#wait();
    return promise;
  }

  #admit(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (let first = this.#waiters[0]; first; first = this.#waiters[0]) {
      const hasBytes = this.#options.bytes().borrow(first.bytes, now);
      if (!hasBytes && now < first.until) break;
      this.#waiters.shift();
      first.resolve(hasBytes);
    }
    this.#wait();
  }

  #wait(): void {
    const [first] = this.#waiters;
    if (!first || this.#timer) return;
    const now = performance.now();
    const waitMs = Math.min(this.#options.bytes().waitMs(now), first.until - now);
    this.#timer = setTimeout(() => this.#admit(), Math.max(1, waitMs));
  }
}
