import type { Violation } from '../../packages/server/test/model/checker.ts';
import { comesTrue } from '../comes-true.ts';
import type { Lab } from './lab.ts';
import type { NodeReport } from './node-child.ts';

/** How much there is of everything that clients need, by what it is. */
export type Baseline = Readonly<Record<string, number>>;

/** How long what was needed may stay after its last user has gone. */
const PATIENCE_MS = 15_000;
/** Node.js itself lets go of a socket or a timer some turns later. */
const SLACK = 3;

/** What there is now, of the nodes that live. */
export async function baselineOf({ nodes, redisIfAny: redis }: Lab): Promise<Baseline> {
  const running = nodes.filter(({ process }) => process.isRunning);
  const reports = await Promise.all(
    running.map(async ({ process }) => [process.name, await process.report()] as const),
  );
  const ofNodes = reports.flatMap(([name, report]) =>
    Object.entries(needsOf(report)).map(([what, count]) => [`${what} of ${name}`, count]),
  );
  if (!redis) return Object.fromEntries(ofNodes) as Baseline;
  const info = await redis.info('everything');
  const counted = ['pubsub_channels', 'pubsub_patterns', 'pubsubshard_channels'].map((name) => [
    `${name} of Redis`,
    Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1] ?? 0),
  ]);
  return Object.fromEntries([...ofNodes, ...counted]) as Baseline;
}

function needsOf({ stats, resources }: NodeReport): Record<string, number> {
  const { connections, unauthenticated, httpConnections, subscriptions, channels } = stats;
  return {
    connections,
    unauthenticated,
    httpConnections,
    subscriptions,
    channels,
    sockets: resources['TCPSocketWrap'] ?? 0,
    timers: resources['Timeout'] ?? 0,
  };
}

/** I8: once all clients have left, there is no more of anything than there was before they came. */
export async function leftovers(lab: Lab, patienceMs = PATIENCE_MS): Promise<Violation[]> {
  let left: string[] = [];
  await comesTrue(patienceMs, async () => {
    left = excess(await baselineOf(lab), lab.baseline);
    return left.length === 0;
  });
  return left.map((message) => ({ invariant: 'I8', message }));
}

function excess(now: Baseline, before: Baseline): string[] {
  return Object.entries(now).flatMap(([what, count]) => {
    const slack = /^(sockets|timers) /.test(what) ? SLACK : 0;
    const expected = before[what] ?? 0;
    return count > expected + slack ? [`${count} ${what} are left, ${expected} before`] : [];
  });
}
