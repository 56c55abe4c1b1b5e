import type { CompactLedgers } from './compact-ledger.ts';
import type { CrowdTotals } from './crowd.ts';

/** The last publication of a channel: its id alone, or where it is as well. */
export type LastWord =
  | string
  | { readonly id: string; readonly epoch: string; readonly offset: number };

/** Clients that a run is judged by: a crowd, or others who put down what they are told. */
export interface Audience {
  readonly size: number;
  /** How many are connected and in all their channels. */
  there(): Promise<number>;
  /**
   * How many have not come to the last publication of a channel, by its key, that they are in: they have
   * not got it, nor been told of a gap that ends behind it.
   */
  behind(lastWords: Readonly<Record<string, LastWord>>): Promise<number>;
  /** What was counted since the beginning. */
  totals(): Promise<CrowdTotals>;
  /** Everything that each was told. */
  ledgers(): Promise<readonly CompactLedgers[]>;
  /** All of them leave, for good. */
  leave(): Promise<void>;
  kill(): Promise<void>;
}
