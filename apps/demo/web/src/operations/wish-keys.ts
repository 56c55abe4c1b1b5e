import { randomId } from '../random-id.ts';

/** So soon after the answer it was the second click of a double one. */
const DOUBLE_CLICK_MS = 2000;

interface Key {
  readonly key: string;
  /** From then on, the same again is wanted once more. Milliseconds since 1970. */
  endsAt: number;
}

/**
 * Idempotency keys: one for each thing that a user wants. A double click wants one thing; so does who tries
 * again because no answer came.
 */
export class WishKeys {
  readonly #keys = new Map<string, Key>();

  /** The key of a wish, by its name. */
  keyOf(wish: string): string {
    const known = this.#keys.get(wish);
    if (known && Date.now() < known.endsAt) return known.key;
    const key = randomId();
    this.#keys.set(wish, { key, endsAt: Number.POSITIVE_INFINITY });
    return key;
  }

  /** The server has answered. */
  answered(wish: string): void {
    const known = this.#keys.get(wish);
    if (known) known.endsAt = Math.min(known.endsAt, Date.now() + DOUBLE_CLICK_MS);
  }
}
