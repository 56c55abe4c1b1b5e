/** Times, so that they can be sent and added up: how many in each bucket, and the longest. */
export interface HistogramData {
  readonly counts: Readonly<Record<string, number>>;
  readonly maxMs: number;
}

/** Each bucket's times are 2 % longer than the last one's. */
const BUCKETS_PER_E = 50;

/** Many times in little space. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #maxMs = 0;
  #count = 0;

  static of(all: readonly HistogramData[]): Histogram {
    const sum = new Histogram();
    for (const each of all) sum.#merge(each);
    return sum;
  }

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  get data(): HistogramData {
    return { counts: Object.fromEntries(this.#counts), maxMs: this.#maxMs };
  }

  add(ms: number): void {
    this.#put(Math.round(Math.log1p(Math.max(0, ms)) * BUCKETS_PER_E), 1);
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  /** The time that this part of them does not exceed. */
  quantile(part: number): number {
    let left = this.#count * part;
    for (const bucket of [...this.#counts.keys()].toSorted((a, b) => a - b)) {
      left -= this.#counts.get(bucket) ?? 0;
      if (left <= 0) return Math.min(this.#maxMs, Math.expm1(bucket / BUCKETS_PER_E));
    }
    return this.#maxMs;
  }

  /** What there is, and begins anew. */
  take(): HistogramData {
    const taken = this.data;
    this.#counts.clear();
    this.#maxMs = 0;
    this.#count = 0;
    return taken;
  }

  #merge({ counts, maxMs }: HistogramData): void {
    for (const [bucket, count] of Object.entries(counts)) this.#put(Number(bucket), count);
    this.#maxMs = Math.max(this.#maxMs, maxMs);
  }

  #put(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#count += count;
  }
}
