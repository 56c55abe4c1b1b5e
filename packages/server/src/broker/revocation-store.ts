interface Revocation {
  /** What was issued until then does not count. Milliseconds since 1970. */
  readonly at: number;
  /** By the store's own clock, in milliseconds. */
  readonly expiresAt: number;
}

/** What was revoked, in memory: bounded, the oldest entries go first. */
export class RevocationStore {
  readonly #bySubject = new Map<string, Revocation>();
  readonly #maxEntries: number;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  add(subject: string, at: number, expiresAt: number): void {
    const before = this.#bySubject.get(subject);
    this.#bySubject.delete(subject); // the newest stands last
    this.#bySubject.set(subject, {
      at: Math.max(at, before?.at ?? at),
      expiresAt: Math.max(expiresAt, before?.expiresAt ?? expiresAt),
    });
    if (this.#bySubject.size <= this.#maxEntries) return;
    const [oldest] = this.#bySubject.keys();
    if (oldest !== undefined) this.#bySubject.delete(oldest);
  }

  latestOf(subjects: readonly string[], now: number): number | null {
    const moments = subjects.flatMap((subject) => {
      const found = this.#bySubject.get(subject);
      return found && found.expiresAt > now ? [found.at] : [];
    });
    return moments.length === 0 ? null : Math.max(...moments);
  }

  forgetExpired(now: number): void {
    for (const [subject, { expiresAt }] of this.#bySubject) {
      if (expiresAt <= now) this.#bySubject.delete(subject);
    }
  }
}
