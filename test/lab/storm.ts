import { setTimeout as sleep } from 'node:timers/promises';
import { CALM } from './calm.ts';
import { Child } from './child.ts';
import type { CrowdOptions, CrowdReport } from './crowd.ts';
import type { Felt } from './healthy.ts';
import { count, ms, type Section, tally } from './report.ts';
import type { ServerReport, ServerSetup } from './server.ts';
import type { Effort } from './siege.ts';

const PATIENCE_MS = 60_000;
const HOOK_MS = 5;
/** The first come back after 500 ms. */
const GOING_MS = 450;

const admitted: ServerSetup = { trustedProxies: ['loopback'], authenticateMs: HOOK_MS };
const unlimited: ServerSetup = {
  ...admitted,
  limits: {
    handshakesPerSecond: 1e9,
    handshakeBurst: 1e9,
    maxUnauthenticated: 1e9,
    maxConcurrentAuthenticates: 1e9,
    maxEventLoopLagMs: 1e9,
  },
};

/** T17: all of many clients are cut at once and come back, with and without admission control. */
export async function storm({ scale }: Effort): Promise<Section> {
  const size = Math.round(9_000 * scale);
  const stories = [await storms(size, admitted), await storms(size, unlimited)];
  const row = (what: string, of: (story: Story) => string, promised: string) => [
    what,
    ...stories.map(of),
    promised,
  ];
  return {
    title: 'A storm of reconnects (T17)',
    text:
      `${count(size)} clients in three tenants, cut at once; they come back as the stock client does: after ` +
      '500 ms and a random part, later and later, and know nothing of `Retry-After`. Fifty others of ' +
      `another tenant stay connected. \`authenticate\` takes ${HOOK_MS} ms. Other limits: ` +
      '`trustedProxies` loopback, each client with an address of its own; in the second column also ' +
      '`handshakesPerSecond`, `handshakeBurst`, `maxUnauthenticated`, `maxConcurrentAuthenticates` and ' +
      '`maxEventLoopLagMs` unlimited.',
    head: ['what', 'default limits', 'no admission control', 'promised'],
    rows: [
      row('all are back after', ({ backMs }) => ms(backMs), '30 s'),
      row('99 % are back after', ({ mostBackMs }) => ms(mostBackMs), '—'),
      row('most connections in one second', ({ peak }) => count(peak), '—'),
      row(
        'event loop: longest stall as they went; p99 and longest as they came',
        ({ goingStallMs, p99StallMs, stallMs }) =>
          `${ms(goingStallMs)}; ${ms(p99StallMs)}, ${ms(stallMs)}`,
        'p99 200 ms',
      ),
      row(
        'p99 of who stayed, before → during',
        ({ calm, felt }) => `${ms(calm.p99Ms)} → ${ms(felt.p99Ms)} (longest ${ms(felt.maxMs)})`,
        'twice',
      ),
      row(
        'who stayed: lost, repeated, disconnects',
        ({ felt }) => `${felt.lost}, ${felt.repeated}, ${felt.disconnects}`,
        '0, 0, 0',
      ),
      row('newcomer, at worst', ({ felt }) => ms(felt.newcomerMs), '—'),
      row('calls of `authenticate`', ({ authenticates }) => count(authenticates), '—'),
      row('what the clients were told', ({ outcomes }) => tally(outcomes), '—'),
      row(
        'recovered, told of a gap',
        ({ recovered, gaps }) => `${count(recovered)}, ${count(gaps)}`,
        'all recovered',
      ),
    ],
    misses: stories.slice(0, 1).flatMap((story) => missesOf(story, size)),
  };
}

/** How one storm went. */
interface Story {
  readonly backMs: number;
  readonly mostBackMs: number;
  readonly peak: number;
  /** While they went, and while they came. */
  readonly goingStallMs: number;
  readonly stallMs: number;
  readonly p99StallMs: number;
  readonly calm: Felt;
  readonly felt: Felt;
  readonly authenticates: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly recovered: number;
  readonly gaps: number;
}

function missesOf({ backMs, p99StallMs, calm, felt, recovered }: Story, size: number): string[] {
  return [
    ...(backMs <= 30_000 ? [] : [`all were back only after ${ms(backMs)}`]),
    ...(p99StallMs <= 200 ? [] : [`the event loop's p99 was ${ms(p99StallMs)}`]),
    ...(felt.p99Ms <= 2 * calm.p99Ms
      ? []
      : [`p99 of who stayed: ${ms(calm.p99Ms)} → ${ms(felt.p99Ms)}`]),
    ...(felt.lost + felt.repeated + felt.disconnects === 0 ? [] : ['who stayed was harmed']),
    ...(recovered >= size ? [] : [`${count(size - recovered)} did not recover`]),
  ];
}

async function storms(size: number, setup: ServerSetup): Promise<Story> {
  const server = new Child('server.ts', 'server');
  const healthy = new Child('healthy.ts', 'others');
  const crowd = new Child('crowd.ts', 'others');
  try {
    const url = await server.ask<string>('start', setup);
    await server.ask('publish', { tenant: CALM, perSecond: 100, bytes: 100 });
    await healthy.ask('start', { url, count: 50 });
    const options: CrowdOptions = {
      url,
      count: size,
      tenant: 'storm',
      tenants: 3,
      perSecond: 1_000,
      isBehindProxy: true,
    };
    await crowd.ask('open', options);
    await sleep(3_000);
    await healthy.ask('look');
    await sleep(4_000);
    const calm = await healthy.ask<Felt>('look');
    await Promise.all([crowd.ask('look'), server.ask('report')]);
    return { ...(await rage(size, { server, crowd, healthy })), calm };
  } finally {
    await Promise.all([server, healthy, crowd].map((child) => child.kill()));
  }
}

async function rage(
  size: number,
  { server, crowd, healthy }: { server: Child; crowd: Child; healthy: Child },
): Promise<Omit<Story, 'calm'>> {
  const begin = performance.now();
  const openedBefore = await server.ask<number>('opened');
  await crowd.ask('cut');
  await sleep(GOING_MS);
  const going = await server.ask<ServerReport>('report');
  const samples: { atMs: number; opened: number }[] = [{ atMs: 0, opened: openedBefore }];
  let mostBackMs = 0;
  for (let connected = 0; connected < size && performance.now() - begin < PATIENCE_MS; ) {
    await sleep(100);
    const opened = await server.ask<number>('opened');
    samples.push({ atMs: performance.now() - begin, opened });
    connected = await crowd.ask<number>('connected');
    if (connected >= size * 0.99) mostBackMs ||= performance.now() - begin;
  }
  const backMs = performance.now() - begin;
  const report = await server.ask<ServerReport>('report');
  const felt = await healthy.ask<Felt>('look');
  const { outcomes, recovered, gaps } = await crowd.ask<CrowdReport>('look');
  return {
    backMs,
    mostBackMs,
    peak: peakOf(samples),
    goingStallMs: going.stallMs,
    stallMs: report.stallMs,
    p99StallMs: report.stallP99Ms,
    felt,
    authenticates: report.authenticates,
    outcomes,
    recovered,
    gaps,
  };
}

/** The most connections that were opened within a second. */
export function peakOf(samples: readonly { atMs: number; opened: number }[]): number {
  const rates = samples.map(({ atMs, opened }) => {
    const earlier = samples.find((sample) => sample.atMs >= atMs - 1_000);
    return opened - (earlier?.opened ?? opened);
  });
  return Math.max(0, ...rates);
}
