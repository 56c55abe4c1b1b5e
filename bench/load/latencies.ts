import { quantile } from '../../test/lab/stall-meter.ts';
import type { Crowd } from './crowd.ts';

/** Milliseconds from a publish to its deliveries. */
export interface Latency {
  /** To each of them. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** To the last subscriber of an event. */
  readonly lastP50Ms: number;
  readonly lastP99Ms: number;
}

/** What was sent to one stream. */
interface Sent {
  /** The number of the event that was sent first. */
  readonly first: number;
  readonly atMs: number[];
  /** Subscribers who have not heard it yet. */
  readonly missing: number[];
}

/** Measures each delivery of some streams, while it is there. */
export class Latencies {
  readonly #crowd: Crowd;
  readonly #members: number;
  readonly #streams: readonly Sent[];
  readonly #latencies: number[] = [];
  readonly #lastLatencies: number[] = [];

  constructor(crowd: Crowd, { streams, members }: { streams: number; members: number }) {
    this.#crowd = crowd;
    this.#members = members;
    this.#streams = Array.from({ length: streams }, (_, stream) => ({
      first: (crowd.connections.find((each) => each.stream === stream)?.last ?? 0) + 1,
      atMs: [],
      missing: [],
    }));
    crowd.onHeard = (n, stream) => this.#heard(n, stream);
  }

  sent(stream: number): void {
    const sent = this.#streams[stream];
    sent?.atMs.push(performance.now());
    sent?.missing.push(this.#members);
  }

  end(): Latency {
    this.#crowd.onHeard = null;
    const all = sorted(this.#latencies);
    const last = sorted(this.#lastLatencies);
    return {
      p50Ms: quantile(all, 0.5),
      p99Ms: quantile(all, 0.99),
      maxMs: all.at(-1) ?? 0,
      lastP50Ms: quantile(last, 0.5),
      lastP99Ms: quantile(last, 0.99),
    };
  }

  #heard(n: number, stream: number): void {
    const sent = this.#streams[stream];
    if (!sent) return;
    const index = n - sent.first;
    const latencyMs = performance.now() - (sent.atMs[index] ?? 0);
    this.#latencies.push(latencyMs);
    const missing = (sent.missing[index] ?? 0) - 1;
    sent.missing[index] = missing;
    if (missing === 0) this.#lastLatencies.push(latencyMs);
  }
}

function sorted(values: readonly number[]): number[] {
  return [...Float64Array.from(values).toSorted()];
}
