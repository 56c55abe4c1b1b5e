import type { Publication } from './broker/broker.ts';
import { deltaBetween } from './protocol/delta.ts';
import { TokenBucket } from './rate.ts';

interface Known {
  readonly base: string;
  readonly delta: string | null;
}

/** Milliseconds that may be used at once, in seconds' worth. */
const BURST_S = 2;

/**
 * What turns one payload of a tenant into the next, found once however many ask: live publications and
 * recovered ones share it as long as the publication is kept. Finding takes time, milliseconds for texts
 * that are made for it, and is everybody's time: a tenant has so much of it, and beyond that gets whole
 * payloads.
 */
export class Deltas {
  readonly #onExceeded: () => void;
  readonly #known = new WeakMap<Publication, Known>();
  #time: TokenBucket;

  constructor(msPerSecond: number, onExceeded: () => void) {
    this.#time = new TokenBucket(msPerSecond, BURST_S * msPerSecond);
    this.#onExceeded = onExceeded;
  }

  /** From here on so many milliseconds of each second. */
  limit(msPerSecond: number): void {
    this.#time = new TokenBucket(msPerSecond, BURST_S * msPerSecond);
  }

  /** Has nothing of its time been used lately? */
  get isRested(): boolean {
    return this.#time.isFull();
  }

  /** What turns a payload into a publication's; `null`: send it in full. */
  from(base: string, publication: Publication): string | null {
    const earlier = this.#known.get(publication);
    if (earlier?.base === base) return earlier.delta;
    const startedAt = performance.now();
    if (this.#time.waitMs(startedAt) > 0) {
      this.#onExceeded();
      return null;
    }
    const delta = deltaBetween(base, publication.data);
    const now = performance.now();
    this.#time.charge(now - startedAt, now);
    this.#known.set(publication, { base, delta });
    return delta;
  }
}
