import type { TokenBucket } from './rate.ts';
import { WaitingQueue } from './waiting-queue.ts';

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
  readonly #waiting: WaitingQueue;
  readonly #patienceMs: number;

  constructor({ bytes, patienceMs }: RecoveriesOptions) {
    this.#waiting = new WaitingQueue({
      tryTake: (count) => bytes().borrow(count),
      waitMs: () => bytes().waitMs(),
    });
    this.#patienceMs = patienceMs;
  }

  /** Takes that many bytes; `false`: the tenant had none left for that long. */
  async take(bytes: number): Promise<boolean> {
    if (bytes === 0) return true; // who has missed nothing waits for nobody
    return await this.#waiting.take(bytes, this.#patienceMs);
  }
}
