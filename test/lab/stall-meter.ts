const TICK_MS = 4;

/** Measures how late this process comes to its work: every stall since the last look. */
export class StallMeter {
  readonly #lateMs: number[] = [];
  #tickedAt = performance.now();

  constructor() {
    setInterval(() => this.#tick(performance.now()), TICK_MS);
  }

  /** How late each tick was since the last look, the smallest first. */
  take(): number[] {
    this.#tick(performance.now());
    return this.#lateMs.splice(0).toSorted((a, b) => a - b);
  }

  #tick(now: number): void {
    this.#lateMs.push(Math.max(0, now - this.#tickedAt - TICK_MS));
    this.#tickedAt = now;
  }
}

/** The value below which that part of the sorted numbers lies. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

/** The middle one. */
export function median(numbers: readonly number[]): number {
  return quantile(
    numbers.toSorted((a, b) => a - b),
    0.5,
  );
}
