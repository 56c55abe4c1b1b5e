import { setTimeout as sleep } from 'node:timers/promises';
import { channelKey } from '@trunkline/contract';
import { comesTrue } from '../comes-true.ts';
import { count, mib, ms } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Control, Experiment, Story } from './experiment.ts';
import { Lab, type LabInit } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { channelOf } from './person.ts';
import type { PublishOrder, PublishOutcome } from './publisher.ts';
import { type JudgeOptions, judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface KickPlan {
  readonly roomsPerTenant: number;
  /** So often each of both kinds of readers stops reading. */
  readonly rounds: number;
  readonly seed: number;
}

/** What Redis keeps for a reader before it throws it out. */
const LIMIT_BYTES = 1024 * 1024;
const EVENT_BYTES = 30_000;
/** More the default history has no space for; in 100 rooms it is more than all buffers on the way take. */
const PER_ROOM = 16;
/** Then Redis has written what it could, and thrown out who did not take it. */
const SETTLED_MS = 500;
/** P5. */
const MOST_LATE_MS = 5_000;
/** What a frozen node, or the machine, may need on top until it gets to work again. */
const PATIENCE_MS = 10_000;
const TENANTS = ['acme', 'globex'];

/** A node does not read what Redis announces to it, and Redis throws it out. */
export const t25: Experiment = {
  name: 'T25',
  title: 'Redis throws a node out that reads too slowly',
  broken:
    'Redis keeps no more than 1 MiB for a subscriber (`client-output-buffer-limit pubsub`); one of three nodes ' +
    'is frozen (SIGSTOP), or its line for subscriptions stands still, while another publishes 30 kB events to 100 rooms ' +
    'until Redis throws it out; 5 times each',
  holds:
    'what was thrown away with its connection is filled from the streams, in order, within 5 s; no client reconnects',
  run: async ({ scale, seed }) =>
    await readersKicked({
      roomsPerTenant: 50,
      rounds: Math.max(1, Math.round(5 * scale)),
      seed,
    }),
};

async function readersKicked(plan: KickPlan): Promise<Story> {
  const { verdict, rounds } = await playKicks(plan, { seed: plan.seed });
  const { outcomes, gaps } = verdict.clients;
  const kicks = rounds.reduce((sum, round) => sum + round.kicks, 0);
  const bytes = 2 * plan.roomsPerTenant * PER_ROOM * EVENT_BYTES;
  const repaired = verdict.nodes.reduce((sum, { stats }) => sum + stats.counts.repaired, 0);
  const reconnects = Object.values(outcomes).reduce((sum, times) => sum + times, 0);
  const late = rounds.map(({ lateMs }) => lateMs).toSorted((a, b) => a - b);
  const longest = late.at(-1) ?? 0;
  return {
    happened:
      `Redis threw a node out ${count(kicks)} times, with ${mib(bytes)} published each time; ` +
      `${count(repaired)} publications were filled in from the streams.`,
    figures: {
      kicks: count(kicks),
      gaps: count(gaps),
      'reconnects of clients': count(reconnects),
      'everything delivered, after the node could read again': `p50 ${ms(late[late.length >> 1] ?? 0)}, max ${ms(longest)}`,
      'memory of a node': `at most ${mib(Math.max(...verdict.nodes.map(({ rssBytes }) => rssBytes)))}`,
    },
    proofs: [
      { what: 'Redis threw a node out', times: kicks },
      { what: 'a publication was lost on its way to a node', times: repaired },
    ],
    verdicts: [verdict],
    controls: [await withoutRepair(plan.seed)],
    misses: [
      ...rounds
        .filter((round) => round.kicks === 0)
        .map(({ how }) => `${how}: nobody was thrown out`),
      ...(gaps + reconnects > 0
        ? [`Clients were told ${JSON.stringify({ gaps, ...outcomes })}`]
        : []),
      ...(longest > MOST_LATE_MS ? [`Everything was delivered only ${ms(longest)} later`] : []),
    ],
  };
}

/** One reader that has stopped, and goes on. */
interface Round {
  readonly how: string;
  /** So often its connections were lost. */
  readonly kicks: number;
  /** From its going on until every subscriber had everything. */
  readonly lateMs: number;
}

async function playKicks(
  { roomsPerTenant, rounds }: KickPlan,
  init: LabInit,
  options: JudgeOptions = {},
): Promise<{ verdict: Verdict; rounds: readonly Round[] }> {
  const lab = await Lab.open({
    nodes: 3,
    hasRemoteProxies: true,
    redis: { config: { 'client-output-buffer-limit': `pubsub ${LIMIT_BYTES} ${LIMIT_BYTES} 0` } },
    limits: { fanOutBytesPerSecond: Infinity },
    ...init,
  });
  try {
    const { to, ...cast } = castOf(TENANTS, roomsPerTenant, EVENT_BYTES);
    await lab.crowd({ make: 'raw', count: 3 * to.length, ...cast });
    const played: Round[] = [];
    for (let n = 0; n < 2 * rounds; n += 1) {
      const stop = stops[n % stops.length];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      if (stop) played.push(await playRound(lab, stop, to));
    }
    return { verdict: await judge(lab, options), rounds: played };
  } finally {
    await lab.close();
  }
}

/** A way of reading no more. */
interface Stop {
  readonly how: string;
  readonly begin: (node: LabNode) => void | Promise<void>;
  readonly end: (node: LabNode) => void | Promise<void>;
}

const stops: readonly Stop[] = [
  {
    how: 'a frozen node',
    begin: ({ process }) => process.freeze(),
    end: ({ process }) => process.thaw(),
  },
  {
    how: 'a line that stands still',
    begin: async ({ subscriptions }) => await subscriptions.blackhole('s2c'),
    end: async ({ subscriptions }) => await subscriptions.pass(),
  },
];

async function playRound(
  lab: Lab,
  { how, begin, end }: Stop,
  to: readonly PublishOrder[],
): Promise<Round> {
  const [reader, publisher] = lab.nodes;
  if (!reader || !publisher) throw new Error('It takes two nodes');
  const lostBefore = await lostBy(reader);
  await begin(reader);
  let lastIds: Readonly<Record<string, string>> = {};
  for (let n = 0; n < PER_ROOM; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- all rooms, again and again
    lastIds = idsOf(to, await publisher.process.publishAll(to));
  }
  await sleep(SETTLED_MS);
  const begun = performance.now();
  await end(reader);
  const isThere = await comesTrue(PATIENCE_MS, async () => await areDelivered(lab, lastIds), 20);
  const lateMs = isThere ? performance.now() - begun : Infinity;
  return { how, kicks: (await lostBy(reader)) - lostBefore, lateMs };
}

/** So often a node's connections to Redis were lost. */
async function lostBy({ process }: LabNode): Promise<number> {
  return (await process.report()).redis?.connectionsLost ?? 0;
}

/** The publication that was made last of each channel, by the channel's key. */
function idsOf(
  to: readonly PublishOrder[],
  outcomes: readonly PublishOutcome[],
): Record<string, string> {
  const ids = to.map(({ tenantId, target }, index) => {
    return [channelKey(channelOf(tenantId, target)), outcomes[index]?.id ?? ''] as const;
  });
  return Object.fromEntries(ids);
}

async function areDelivered(
  { crowds }: Lab,
  lastIds: Readonly<Record<string, string>>,
): Promise<boolean> {
  const behind = await Promise.all(crowds.map((crowd) => crowd.behind(lastIds)));
  return behind.every((clients) => clients === 0);
}

/** Nobody looks at offsets, or compares them with Redis. */
async function withoutRepair(seed: number): Promise<Control> {
  const init: LabInit = { seed, fault: 'nobody notices what is missing' };
  const { verdict } = await playKicks({ roomsPerTenant: 50, rounds: 1, seed }, init);
  return { off: 'the looking for gaps', expected: 'I3', violations: verdict.violations };
}
