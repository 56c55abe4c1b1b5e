import type { Published, Reader } from '../../packages/server/test/model/ledger.ts';
import { type CompactLedgers, readersOf } from './compact-ledger.ts';
import type { Lab } from './lab.ts';

/** What was put down, for those who want to look for themselves or to spoil it. */
export interface Ledgers {
  readonly tenantIds: readonly string[];
  readonly published: readonly Published[];
  readonly compact: readonly CompactLedgers[];
  /** Made anew each time. */
  readers(): Iterable<Reader>;
}

/** What all nodes, and others, have published, in the order of the calls. */
export async function publishedOf(
  { nodes }: Lab,
  others: readonly Published[],
): Promise<Published[]> {
  const all = await Promise.all(nodes.map(({ process }) => process.ledger()));
  return [...all.flat(), ...others].toSorted((a, b) => (a.calledAt ?? 0) - (b.calledAt ?? 0));
}

/** Gathers everything that was put down. */
export async function ledgersOf(lab: Lab, others: readonly Published[]): Promise<Ledgers> {
  const published = await publishedOf(lab, others);
  const compact = (await Promise.all(lab.crowds.map((crowd) => crowd.ledgers()))).flat();
  const callsBefore = callCounter(published);
  return {
    tenantIds: [...new Set(published.map(({ tenantId }) => tenantId))],
    published,
    compact,
    *readers() {
      for (const each of compact) yield* readersOf(each, callsBefore);
    },
  };
}

/** How many of the calls had been made at a time. */
function callCounter(published: readonly Published[]): (at: number) => number {
  const times = published.map(({ calledAt = 0 }) => calledAt);
  return (at) => {
    let [low, high] = [0, times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((times[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}
