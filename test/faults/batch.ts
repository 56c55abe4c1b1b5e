import { channelKey } from '@trunkline/contract';
import { comesTrue } from '../comes-true.ts';
import type { Lab } from './lab.ts';
import { channelOf } from './person.ts';
import type { PublishOrder, PublishOutcome } from './publisher.ts';

/** The last publication of each channel, by its key. */
export type LastIds = Readonly<Record<string, string>>;

const PATIENCE_MS = 20_000;
const TRY_AGAIN_MS = 50;

/** Publishes all of it, the nodes in turn, and what was not accepted again until it is. */
export async function publishBatch(
  { nodes }: Lab,
  orders: readonly PublishOrder[],
): Promise<LastIds> {
  const last = new Map<string, PublishOutcome>();
  let open = orders;
  const isDone = await comesTrue(
    PATIENCE_MS,
    async () => {
      const parts = nodes.map(({ process }, node) => ({
        process,
        part: open.filter((_, index) => index % nodes.length === node),
      }));
      const refused = await Promise.all(
        parts.map(async ({ process, part }) => {
          const outcomes = await process.publishAll(part);
          return part.filter((order, index) => !isLater(last, order, outcomes[index]));
        }),
      );
      open = refused.flat();
      return open.length === 0;
    },
    TRY_AGAIN_MS,
  );
  if (!isDone)
    throw new Error(`${open.length} publications were not accepted in ${PATIENCE_MS} ms`);
  return Object.fromEntries([...last].map(([key, { id }]) => [key, id]));
}

/** Resolves when everybody who is in a channel has had its last publication, or should have. */
export async function hadBy({ crowds }: Lab, lastIds: LastIds): Promise<void> {
  await comesTrue(PATIENCE_MS, async () => {
    const behind = await Promise.all(crowds.map((crowd) => crowd.behind(lastIds)));
    return behind.every((clients) => clients === 0);
  });
}

/** Notes it if it was accepted; `false`: it was not. */
function isLater(
  last: Map<string, PublishOutcome>,
  { tenantId, target }: PublishOrder,
  outcome: PublishOutcome | undefined,
): boolean {
  if (outcome?.status !== 'accepted') return false;
  const key = channelKey(channelOf(tenantId, target));
  const before = last.get(key);
  const isFurther = before?.epoch !== outcome.epoch || before.offset < outcome.offset;
  if (isFurther) last.set(key, outcome);
  return true;
}
