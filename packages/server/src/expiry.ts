import { Deadline } from './deadline.ts';
import type { Expiry as AnnouncedExpiry } from './protocol/reply.ts';

/** A year: what a longer time to live is announced as (protocol, section 13). */
const MAX_TTL_SECONDS = 365 * 24 * 60 * 60;

/** Until when something lives, by the wall clock: it is the clock that tokens are made by. */
export class Expiry {
  readonly #deadline = new Deadline();
  #expiresAt = Infinity;

  /** Has it passed, whether or not the grace has? */
  get isOver(): boolean {
    return this.#expiresAt <= Date.now();
  }

  /** Starts over. `onExpired` is called that many milliseconds after the end. */
  set(expiresAt: number | undefined, graceMs: number, onExpired: () => void): void {
    this.#deadline.clear();
    this.#expiresAt = expiresAt ?? Infinity;
    if (this.#expiresAt < Infinity) this.#watch(graceMs, onExpired);
  }

  clear(): void {
    this.#deadline.clear();
  }

  // Asks the clock again when it rings: a timer cannot be set as far ahead as a token may last.
  #watch(graceMs: number, onExpired: () => void): void {
    const remainingMs = this.#expiresAt + graceMs - Date.now();
    if (remainingMs <= 0) onExpired();
    else this.#deadline.set(remainingMs, () => this.#watch(graceMs, onExpired));
  }
}

/**
 * How a client is told of an end: so many milliseconds early that there is time to bring a new token.
 * `null` for what does not end.
 */
export function announced(expiresAt: number | undefined, leadMs: number): AnnouncedExpiry | null {
  if (expiresAt === undefined) return null;
  const seconds = Math.floor((expiresAt - leadMs - Date.now()) / 1000);
  return { ttlSeconds: Math.min(Math.max(1, seconds), MAX_TTL_SECONDS) };
}
