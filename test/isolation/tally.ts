/** What was done and found in all runs together. */
export class Tally {
  runs = 0;
  /** Publications that nodes have handed to sessions. */
  deliveries = 0;
  /** Subscriptions that got what they had missed. */
  recovered = 0;
  /** Frames and answers that were read to the last byte. */
  frames = 0;
  /** Deltas that were put together and read as a whole. */
  deltas = 0;
  readonly #tried = new Map<string, number>();
  readonly #markers = new Map<string, number>();

  /** Publications whose marker was found on the raw frame of a session of the right realm. */
  get checked(): number {
    return Math.min(this.deliveries, this.markers('event') + this.markers('word'));
  }

  tried(what: string): void {
    this.#tried.set(what, this.times(what) + 1);
  }

  /** How often something was tried. */
  times(what: string): number {
    return this.#tried.get(what) ?? 0;
  }

  /** How many markers of this carrier were found, each with its own reader. */
  markers(carrier: string): number {
    return this.#markers.get(carrier) ?? 0;
  }

  addMarkers(seen: ReadonlyMap<string, number>): void {
    for (const [carrier, count] of seen) {
      this.#markers.set(carrier, this.markers(carrier) + count);
    }
  }

  inWords(): string {
    const numbers = (counts: ReadonlyMap<string, number>) =>
      [...counts].map(([what, count]) => `${what} ${count}`).join(', ');
    return [
      `${this.runs} runs, ${this.deliveries} deliveries, ${this.checked} of them checked, ${this.frames} frames and answers read, ${this.deltas} deltas, ${this.recovered} recovered`,
      `markers: ${numbers(this.#markers)}`,
      `tried: ${numbers(this.#tried)}`,
    ].join('\n');
  }
}
