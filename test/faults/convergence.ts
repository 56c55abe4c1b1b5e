import { parseChannelKey } from '@trunkline/contract';
import type { Violation } from '../../packages/server/test/model/checker.ts';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import { comesTrue } from '../comes-true.ts';
import type { LastWord } from './audience.ts';
import type { Lab } from './lab.ts';
import { publishedOf } from './ledgers.ts';
import type { PublishOrder } from './publisher.ts';

/** How everybody is brought to rest when the faults are over. */
export interface ConvergeOptions {
  /** Clients that are not expected to be there in the end. Default 0. */
  readonly absent: number;
  /** By then everybody must be back and at the top. Default 35 s, as I7 says. */
  readonly patienceMs: number;
  /** What others than the nodes have published. Default: nothing. */
  readonly others: readonly Published[];
  /** Is something to be published once more to each channel? Default yes. */
  readonly hasLastWord: boolean;
}

/** By then a client has noticed a dead connection and is back (I7). */
const CONVERGENCE_MS = 35_000;
const TRY_AGAIN_MS = 200;
const SAY_AGAIN_MS = 3_000;

/** What holds where nothing else is said. */
export const defaultConvergence: ConvergeOptions = {
  absent: 0,
  patienceMs: CONVERGENCE_MS,
  others: [],
  hasLastWord: true,
};

/** I7: everybody comes back, and to the last word of each channel. */
export async function converge(lab: Lab, options: ConvergeOptions): Promise<Violation[]> {
  const { absent, patienceMs, hasLastWord, others } = options;
  await comesTrue(patienceMs, async () => (await missing(lab, absent)) <= 0);
  const published = await publishedOf(lab, others);
  const kept = published.filter(({ isVolatile }) => !isVolatile);
  const keys = [...new Set(kept.map(({ channel }) => channel))];
  const last = hasLastWord ? await lastWords(lab, keys) : lastAccepted(kept);
  // Who was cut off a moment ago may not have known it before: both, in one look.
  let [away, late] = [0, 0];
  let saidAt = performance.now();
  await comesTrue(patienceMs, async () => {
    [away, late] = [await missing(lab, absent), await behind(lab, last)];
    // What is not kept may be lost, and whoever comes back behind it never gets it.
    if (hasLastWord && late > 0 && performance.now() - saidAt > SAY_AGAIN_MS) {
      Object.assign(
        last,
        await lastWords(
          lab,
          keys.filter((key) => isUnkept(last[key])),
        ),
      );
      saidAt = performance.now();
    }
    return away <= 0 && late === 0;
  });
  const mute = keys.filter((key) => last[key] === undefined);
  const messages = [
    ...mute.map((key) => `Nothing can be published to ${key} any more`),
    ...(away > 0 ? [`${away} of ${sizeOf(lab)} clients never came back`] : []),
    ...(late > 0 ? [`After ${patienceMs / 1_000} s ${late} clients were not at the top`] : []),
  ];
  return messages.map((message) => ({ invariant: 'I7', message }));
}

/** How many clients are not there that should be. */
async function missing(lab: Lab, absent: number): Promise<number> {
  const counts = await Promise.all(lab.crowds.map((crowd) => crowd.there()));
  return sizeOf(lab) - absent - counts.reduce((sum, count) => sum + count, 0);
}

function sizeOf({ crowds }: Lab): number {
  return crowds.reduce((sum, { size }) => sum + size, 0);
}

async function behind({ crowds }: Lab, last: Readonly<Record<string, LastWord>>): Promise<number> {
  const counts = await Promise.all(crowds.map((crowd) => crowd.behind(last)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Publishes to each channel until it is accepted; gives what was, by channel. */
async function lastWords(lab: Lab, keys: readonly string[]): Promise<Record<string, LastWord>> {
  const last: Record<string, LastWord> = {};
  await comesTrue(
    CONVERGENCE_MS,
    async () => {
      const node = lab.nodes.find(({ process }) => process.isRunning);
      const open = keys.filter((key) => last[key] === undefined);
      const outcomes = (await node?.process.publishAll(open.map(orderOf))) ?? [];
      for (const [index, { status, ...outcome }] of outcomes.entries()) {
        if (status === 'accepted') last[open[index] ?? ''] = outcome;
      }
      return keys.every((key) => last[key] !== undefined);
    },
    TRY_AGAIN_MS,
  );
  return last;
}

function isUnkept(last: LastWord | undefined): boolean {
  return typeof last === 'object' && last.offset === 0;
}

function orderOf(key: string): PublishOrder {
  const channel = parseChannelKey(key);
  if (!channel) throw new Error(`${key} is no channel's key`);
  const { realm, target } = channel;
  return { tenantId: realm.kind === 'tenant' ? realm.tenantId : '', target };
}

function lastAccepted(published: readonly Published[]): Record<string, LastWord> {
  const accepted = published.filter(({ outcome, isRepeat }) => outcome === 'accepted' && !isRepeat);
  return Object.fromEntries(
    accepted.map(({ channel, id, position }) => [channel, position ? { id, ...position } : id]),
  );
}
