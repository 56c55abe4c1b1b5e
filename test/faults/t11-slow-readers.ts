import { setTimeout as sleep } from 'node:timers/promises';
import { comesTrue } from '../comes-true.ts';
import { count, mib, ms } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd, CrowdTotals } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import type { Histogram } from './histogram.ts';
import { Lab } from './lab.ts';
import type { NodeProcess } from './node-process.ts';
import type { PublishOrder } from './publisher.ts';
import { judge } from './verdict.ts';
import { Watch } from './watch.ts';

/** How it is played. */
interface SlowReadersPlan {
  readonly healthy: number;
  /** Stopped in the middle of a flood; one more never reads. */
  readonly stopped: number;
  /** Bytes per second that each of them is owed. */
  readonly flood: number;
  readonly calmMs: number;
  readonly seed: number;
}

const MIB = 1_024 * 1_024;
const EVENT_BYTES = 16_000;
const LOOK_MS = 50;
const PATIENCE_MS = 40_000;
/** P9: from a limit that is exceeded to the end of the socket; a look may come late. */
const MOST_MS = 1_000 + 4 * LOOK_MS;
const MOST_BYTES_EACH = 1.5 * MIB;
const MOST_SLOWER = 1.2;
/** Below that a difference is the machine's, not ours. */
const NOTICEABLE_MS = 10;

/** Clients that do not read what they are sent. */
export const t11: Experiment = {
  name: 'T11',
  title: 'Slow readers',
  broken:
    'of 500 clients of one node 50 are stopped (SIGSTOP) and one more stops reading, while another node ' +
    'publishes 2 MB/s to each of them (`fanOutBytesPerSecond` is raised for it)',
  holds:
    'they are told 3008 and their sockets are gone within a second of the limit; the node grows by no more ' +
    'than 1.5 MiB for each; nobody else waits longer; when they read again they recover or have a gap signal',
  run: async ({ scale, seed }) =>
    await slowReaders({
      healthy: Math.round(450 * scale),
      stopped: Math.max(5, Math.round(50 * scale)),
      flood: 2_000_000,
      calmMs: 5_000,
      seed,
    }),
};

async function slowReaders(plan: SlowReadersPlan): Promise<Story> {
  const { stopped, seed } = plan;
  const slow = stopped + 1;
  const lab = await Lab.open({ seed, limits, hasRemoteProxies: true });
  try {
    const scene = await gather(lab, plan);
    const calm = await watch(scene, plan.calmMs, () => false);
    const { size: before } = scene;
    await stop(scene, plan);
    const full = await watch(scene, PATIENCE_MS, ({ size }) => size <= before - slow);
    await scene.publisher.stopLoad();
    scene.stopped.thaw();
    await scene.deaf.resume(0, 1);
    await comesTrue(PATIENCE_MS, async () => sumOf(await backOf(scene)) >= slow * CHANNELS_EACH);
    const verdict = await judge(lab);
    const back = await backOf(scene);
    const grown = full.peakRssBytes - calm.peakRssBytes;
    const [was, is] = [calm, full].map(({ latencies }) => latencies.quantile(0.99));
    return {
      happened: `${count(full.ended)} slow readers were ended in ${ms(full.lengthMs)} (the kernel’s buffers fill first); then ${count(back.recovered)} of their subscriptions recovered, ${count(back.gaps)} had a gap signal.`,
      figures: {
        'from the limit to the end of the socket': `max ${ms(full.slowestEndMs)}`,
        'memory above before, at its peak': `${mib(grown)} (at most ${mib(slow * MOST_BYTES_EACH)})`,
        'p99 of the others, before → during': `${ms(was ?? 0)} → ${ms(is ?? 0)}`,
        'the others were told': JSON.stringify(full.outcomes),
      },
      proofs: [
        { what: 'a slow reader was told 3008', times: full.ended },
        { what: 'a slow reader came back', times: sumOf(back) },
      ],
      verdicts: [verdict],
      controls: [],
      misses: [
        ...(full.ended === slow ? [] : [`${full.ended} of ${slow} slow readers were ended`]),
        ...(full.slowestEndMs <= MOST_MS
          ? []
          : [`A socket lived ${ms(full.slowestEndMs)} after its limit`]),
        ...(grown <= slow * MOST_BYTES_EACH ? [] : [`Memory grew by ${mib(grown)}`]),
        ...((is ?? 0) <= Math.max(NOTICEABLE_MS, MOST_SLOWER * (was ?? 0))
          ? []
          : [`p99 of the others: ${ms(was ?? 0)} → ${ms(is ?? 0)}`]),
        ...Object.entries(full.outcomes).map(([what, n]) => `Others were told ${what} × ${n}`),
        ...(sumOf(back) === slow * CHANNELS_EACH
          ? []
          : [`${back.recovered} recovered, ${back.gaps} gap signals: not ${slow * CHANNELS_EACH}`]),
      ],
    };
  } finally {
    await lab.close();
  }
}

// A tenant gets 10 MiB/s in all by default: fairness would keep the queues from filling.
const limits = { fanOutBytesPerSecond: 400 * MIB, fanOutBurstBytes: 800 * MIB };
/** A client's own channel, its tenant's, and a room. */
const CHANNELS_EACH = 3;

interface Scene {
  readonly node: NodeProcess;
  /** The other node: it has no clients. */
  readonly publisher: NodeProcess;
  readonly healthy: Crowd;
  readonly stopped: Crowd;
  readonly deaf: Crowd;
  /** How many connections there are. */
  readonly size: number;
}

async function gather(lab: Lab, plan: SlowReadersPlan): Promise<Scene> {
  const [node, publisher] = lab.nodes.map(({ process }) => process);
  if (!node || !publisher) throw new Error('Two nodes are needed');
  // No proxy in between: what it holds would only be more buffers to fill.
  const urls = [`ws://127.0.0.1:${node.port}/connection/websocket`];
  const { to, ...cast } = castOf(['acme', 'globex'], 5);
  const healthy = await lab.crowd({ make: 'raw', count: plan.healthy, urls, ...cast });
  const inFlood = { make: 'raw', urls, rooms: [['room:flood']] } as const;
  const stopped = await lab.crowd({ ...inFlood, count: plan.stopped, tenantIds: ['lazy'] });
  const deaf = await lab.crowd({ ...inFlood, count: 1, tenantIds: ['deaf'] });
  await node.load({ to, perSecond: 5 * to.length });
  // One who reads it does not count: the flood costs memory by itself.
  await pour({ publisher }, ['deaf'], plan.flood);
  await sleep(1_000);
  return { node, publisher, healthy, stopped, deaf, size: plan.healthy + plan.stopped + 1 };
}

/** They read no more, and the flood comes. */
async function stop(scene: Scene, { flood }: SlowReadersPlan): Promise<void> {
  await Promise.all([scene.stopped.look(), scene.deaf.look()]);
  scene.stopped.freeze();
  await scene.deaf.pause(0, 1);
  await pour(scene, ['deaf', 'lazy'], flood);
}

async function pour(
  { publisher }: Pick<Scene, 'publisher'>,
  tenantIds: readonly string[],
  flood: number,
): Promise<void> {
  const to = tenantIds.map((tenantId): PublishOrder => {
    return { tenantId, target: { kind: 'room', room: 'room:flood' }, bytes: EVENT_BYTES };
  });
  await publisher.load({ to, perSecond: (to.length * flood) / EVENT_BYTES });
}

/** What was seen for a while. */
interface Watched {
  readonly latencies: Histogram;
  /** What the healthy ones were told. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly peakRssBytes: number;
  /** Told 3008. */
  readonly ended: number;
  /** From a limit to the end of the socket that exceeded it, at worst. */
  readonly slowestEndMs: number;
  readonly lengthMs: number;
}

async function watch(
  scene: Scene,
  forMs: number,
  isEnough: (seen: { readonly size: number }) => boolean,
): Promise<Watched> {
  const begin = performance.now();
  await scene.healthy.look();
  let peakRssBytes = 0;
  let size = Infinity;
  let ended = 0;
  const exceededAt: number[] = [];
  const goneAt: number[] = [];
  const looking = new Watch(LOOK_MS, async (sinceMs) => {
    const { stats, rssBytes } = await scene.node.report();
    const { maxQueuedBytes, maxQueuedLines, writeStallMs } = stats.limits;
    peakRssBytes = Math.max(peakRssBytes, rssBytes);
    size = stats.connections;
    ended = stats.disconnects['3008'] ?? 0;
    while (exceededAt.length < maxQueuedBytes + maxQueuedLines + writeStallMs)
      exceededAt.push(sinceMs);
    while (goneAt.length < scene.size - size) goneAt.push(sinceMs);
  });
  await comesTrue(forMs, () => isEnough({ size }));
  await looking.end();
  const { latencies, outcomes } = await scene.healthy.look();
  const endsMs = exceededAt.map((at, index) => (goneAt[index] ?? Infinity) - at);
  const lengthMs = performance.now() - begin;
  const slowestEndMs = Math.max(0, ...endsMs);
  return { latencies, outcomes, peakRssBytes, ended, slowestEndMs, lengthMs };
}

type Back = Pick<CrowdTotals, 'recovered' | 'gaps'>;

/** How the slow ones came back. */
async function backOf({ stopped, deaf }: Scene): Promise<Back> {
  const [a, b] = await Promise.all([stopped.totals(), deaf.totals()]);
  return { recovered: a.recovered + b.recovered, gaps: a.gaps + b.gaps };
}

function sumOf({ recovered, gaps }: Back): number {
  return recovered + gaps;
}
