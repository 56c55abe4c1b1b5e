import { setTimeout as sleep } from 'node:timers/promises';
import { CALM } from './calm.ts';
import { Child } from './child.ts';
import type { CrowdOptions, CrowdReport } from './crowd.ts';
import type { Felt } from './healthy.ts';
import { count, mib, ms, type Section, tally } from './report.ts';
import type { ServerReport, ServerSetup } from './server.ts';
import type { Effort } from './siege.ts';

const MIB = 1_024 * 1_024;
const SLOW = 50;
const PER_SECOND = 64;
const BYTES = 16_000;
const PATIENCE_MS = 40_000;

const setup: ServerSetup = {
  limits: { fanOutBytesPerSecond: 200 * MIB, fanOutBurstBytes: 400 * MIB },
  trustedProxies: ['loopback'],
};

/**
 * T11: of 500 clients 50 are stopped (SIGSTOP) and one more never reads, under much traffic. Their
 * queues fill, they are told 3008, and nobody else notices.
 */
export async function slowReaders({ scale }: Effort): Promise<Section> {
  const scene = {
    server: new Child('server.ts', 'server'),
    healthy: new Child('healthy.ts', 'others'),
    slow: new Child('crowd.ts', 'others'),
    deaf: new Child('crowd.ts', 'others'),
  };
  try {
    await gather(scene, Math.round(450 * scale));
    const calm = await watch(scene, 4_000, () => false);
    await stop(scene);
    const full = await watch(scene, PATIENCE_MS, ({ slowEndMs }) => slowEndMs.length > SLOW);
    scene.slow.signal('SIGCONT');
    const after = await watch(scene, 6_000, () => false);
    const back = await scene.slow.ask<CrowdReport>('look');
    return sectionOf(Math.round(450 * scale), { calm, full, after, back });
  } finally {
    await Promise.all(Object.values(scene).map((child) => child.kill()));
  }
}

interface Scene {
  readonly server: Child;
  readonly healthy: Child;
  readonly slow: Child;
  readonly deaf: Child;
}

/** What was seen for a while. */
interface Watched {
  readonly felt: Felt;
  readonly report: ServerReport;
  readonly peakRssBytes: number;
  readonly slowEndMs: readonly number[];
  readonly lengthMs: number;
}

async function gather({ server, healthy, slow, deaf }: Scene, healthyCount: number): Promise<void> {
  const url = await server.ask<string>('start', setup);
  const crowd: CrowdOptions = {
    url,
    count: SLOW,
    tenant: 'lazy',
    tenants: 1,
    perSecond: 500,
    isBehindProxy: true,
  };
  await server.ask('publish', { tenant: CALM, perSecond: 20, bytes: 100 });
  await healthy.ask('start', { url, count: healthyCount });
  await slow.ask('open', crowd);
  await deaf.ask('open', { ...crowd, tenant: 'deaf', count: 1 });
  for (const tenant of ['lazy0', 'deaf0']) {
    await server.ask('publish', { tenant, perSecond: PER_SECOND, bytes: BYTES });
  }
  await sleep(3_000);
  await Promise.all([server.ask('report'), healthy.ask('look'), slow.ask('look')]);
}

async function stop({ slow, deaf }: Scene): Promise<void> {
  await deaf.ask('pause');
  slow.signal('SIGSTOP');
}

async function watch(
  { server, healthy }: Scene,
  forMs: number,
  isEnough: (watched: { slowEndMs: readonly number[] }) => boolean,
): Promise<Watched> {
  const begin = performance.now();
  const slowEndMs: number[] = [];
  let peakRssBytes = 0;
  let report = await server.ask<ServerReport>('report');
  while (performance.now() - begin < forMs && !isEnough({ slowEndMs })) {
    await sleep(250);
    report = await server.ask<ServerReport>('report');
    peakRssBytes = Math.max(peakRssBytes, report.rssBytes);
    slowEndMs.push(...report.slowEndMs);
  }
  const felt = await healthy.ask<Felt>('look');
  return { felt, report, peakRssBytes, slowEndMs, lengthMs: performance.now() - begin };
}

interface Story {
  readonly calm: Watched;
  readonly full: Watched;
  readonly after: Watched;
  readonly back: CrowdReport;
}

function sectionOf(healthyCount: number, { calm, full, after, back }: Story): Section {
  const { limits } = full.report.stats;
  const grown = full.peakRssBytes - calm.peakRssBytes;
  const factor = full.felt.p99Ms / calm.felt.p99Ms;
  const worstEndMs = Math.max(0, ...full.slowEndMs);
  return {
    title: 'Slow readers (T11)',
    text:
      `${healthyCount} healthy clients; beside them ${SLOW} that are stopped with SIGSTOP and one that ` +
      `never reads, each owed ${(PER_SECOND * BYTES) / 1e6} MB/s (not 2: the machine has two cores). ` +
      'Other limits: `fanOutBytesPerSecond` 200 MiB and `fanOutBurstBytes` 400 MiB, since by default a ' +
      'tenant gets 10 MiB/s in all; `trustedProxies` loopback, each client with an address of its own.',
    head: ['what', 'figure', 'promised'],
    rows: [
      [
        'ended with 3008',
        `${full.slowEndMs.length} of ${SLOW + 1}, in ${ms(full.lengthMs)} (the kernel’s buffers fill first)`,
        'all',
      ],
      [
        'the limit they ran into',
        tally({
          maxQueuedBytes: limits.maxQueuedBytes,
          writeStallMs: limits.writeStallMs,
          maxQueuedLines: limits.maxQueuedLines,
        }),
        '—',
      ],
      ['from 3008 to the end of the socket, at worst', ms(worstEndMs), 'about 1 s'],
      ['memory above before, at its peak', mib(grown), `at most ${mib((SLOW + 1) * 1.5 * MIB)}`],
      ['memory above before, 6 s later', mib(after.report.rssBytes - calm.peakRssBytes), '—'],
      [
        'healthy p99, before → during',
        `${ms(calm.felt.p99Ms)} → ${ms(full.felt.p99Ms)} (× ${factor.toFixed(2)})`,
        'less than × 1.2',
      ],
      [
        'healthy: lost, repeated, disconnects',
        `${full.felt.lost}, ${full.felt.repeated}, ${full.felt.disconnects}`,
        '0, 0, 0',
      ],
      [
        'after SIGCONT: recovered, told of a gap, neither',
        `${back.recovered}, ${back.gaps}, ${SLOW - back.recovered - back.gaps}`,
        'neither: 0',
      ],
      [
        'after SIGCONT: lost without a word, repeated',
        `${count(back.lost)}, ${count(back.repeated)}`,
        '0, 0',
      ],
    ],
    misses: [
      ...(full.slowEndMs.length > SLOW ? [] : ['not all slow readers were ended']),
      ...(grown <= (SLOW + 1) * 1.5 * MIB ? [] : [`memory grew by ${mib(grown)}`]),
      ...(factor < 1.2 ? [] : [`healthy p99 × ${factor.toFixed(2)}`]),
      ...(worstEndMs < 2_000 ? [] : [`a socket lived ${ms(worstEndMs)} after its 3008`]),
      ...(full.felt.lost + full.felt.repeated + full.felt.disconnects === 0
        ? []
        : ['the healthy were harmed']),
      ...(back.lost + back.repeated === 0
        ? []
        : ['publications were lost without a word or came twice']),
    ],
  };
}
