import { quantile } from '../../test/lab/stall-meter.ts';

/** Milliseconds from sends to their receipts. */
export interface ReceiptLatency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Measures how long a server takes to say that it has published. */
export class Receipts {
  #latencies: number[] = [];

  /** Times the receipt of what was sent then; a server that gives none gives no figure. */
  time(receipt: unknown, sentAt: number): void {
    if (!(receipt instanceof Promise)) return;
    void receipt.then(() => this.#latencies.push(performance.now() - sentAt));
  }

  /** What has been measured since the last time. */
  take(): ReceiptLatency {
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    this.#latencies = [];
    return {
      count: sorted.length,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
    };
  }
}
