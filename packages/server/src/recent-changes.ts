/**
 * Which users' or tenants' permissions have changed a moment ago: whoever was asked about before, and
 * answered after, may have been told what is no longer so.
 */
export class RecentChanges {
  /** When, by the monotonic clock; the latest change stands last. */
  readonly #changedAt = new Map<string, number>();
  readonly #memoryMs: number;
  /** When those of anybody may have. */
  #allChangedAt = -Infinity;

  /** `memoryMs`: nobody's answer is on its way for longer. */
  constructor(memoryMs: number) {
    this.#memoryMs = memoryMs;
  }

  note(key: string): void {
    const now = performance.now();
    for (const [oldest, at] of this.#changedAt) {
      if (at + this.#memoryMs > now) break;
      this.#changedAt.delete(oldest);
    }
    this.#changedAt.delete(key);
    this.#changedAt.set(key, now);
  }

  /** Nobody can say whose have. */
  noteAll(): void {
    this.#allChangedAt = performance.now();
  }

  /** Has one of these changed at or after that moment of `performance.now()`? */
  areSince(keys: readonly string[], moment: number): boolean {
    if (this.#allChangedAt >= moment) return true;
    return keys.some((key) => (this.#changedAt.get(key) ?? -Infinity) >= moment);
  }
}
