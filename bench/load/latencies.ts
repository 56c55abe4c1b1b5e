import { quantile } from '../../test/lab/stall-meter.ts';
import type { Crowd } from './crowd.ts';

/** Milliseconds from a publish to each of its deliveries. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Measures each delivery of one stream, while it is there. */
export class Latencies {
  readonly #crowd: Crowd;
  readonly #sentAt: number[] = [];
  readonly #latencies: number[] = [];
  /** The number of the event that was sent first. */
  readonly #first: number;

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
    this.#first = (crowd.connections[0]?.last ?? 0) + 1;
    crowd.onHeard = (n) => {
      this.#latencies.push(performance.now() - (this.#sentAt[n - this.#first] ?? 0));
    };
  }

  sent(): void {
    this.#sentAt.push(performance.now());
  }

  end(): Latency {
    this.#crowd.onHeard = null;
    const sorted = [...Float64Array.from(this.#latencies).toSorted()];
    return {
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      maxMs: sorted.at(-1) ?? 0,
    };
  }
}
