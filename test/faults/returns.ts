import type { CompactLedgers } from './compact-ledger.ts';

/** A subscription that came back: with all that it had missed, or with a gap signal. */
export interface Return {
  readonly client: string;
  readonly channel: string;
  /** When its client was told, by the clock of `now`. */
  readonly at: number;
  /** Of the stream that it has come back to; `''`: the channel has none. */
  readonly epoch: string;
  readonly recovered: boolean;
}

/** All of them, in the order of each client's story. */
export function returnsOf(compact: readonly CompactLedgers[]): Return[] {
  const readers = compact.flatMap((ledgers) => ledgers.readers);
  return readers.flatMap(({ client, channel, entries }) =>
    entries.flatMap((entry): Return[] => {
      if (entry === 'ended' || !('told' in entry) || !entry.told.wasRecovering) return [];
      const { position, recovered } = entry.told;
      return [{ client, channel, at: entry.at, epoch: position?.epoch ?? '', recovered }];
    }),
  );
}

/** How many subscriptions there are. */
export function subscriptionsIn(compact: readonly CompactLedgers[]): number {
  return compact.reduce((sum, { readers }) => sum + readers.length, 0);
}
