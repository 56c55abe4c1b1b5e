import { setTimeout as sleep } from 'node:timers/promises';
import { RawSocket } from '../../packages/server/test/hostile-frames.ts';
import { commandFrame } from './attack.ts';
import { Child } from './child.ts';
import type { CrowdOptions, CrowdReport } from './crowd.ts';
import { count, ms, type Section, tally } from './report.ts';
import type { ServerSetup } from './server.ts';
import type { Effort } from './siege.ts';
import { peakOf } from './storm.ts';

const TENANTS = 3;
const PUBLISHED_PER_SECOND = 300;
const SPREAD_S = 15;
const DEADLINE_MS = 25_000;

const setup: ServerSetup = { trustedProxies: ['loopback'] };

/** T16 on one node: SIGTERM under load; the clients go to another one. */
export async function drain({ scale }: Effort): Promise<Section> {
  const size = Math.round(3_000 * scale);
  const small = Math.round(size / 10);
  const stories = [await drains(size, { isStuck: false }), await drains(small, { isStuck: true })];
  const row = (what: string, of: (story: Story) => string, promised: string) => [
    what,
    ...stories.map(of),
    promised,
  ];
  return {
    title: 'A drain (T16, one node)',
    text:
      `SIGTERM to a node with ${count(size)} clients and ${PUBLISHED_PER_SECOND} publications a second, each to ` +
      'one user; the clients come back on a second node. With the memory broker that is another stream, so ' +
      `each must be told of a gap. Then again with ${count(small)} clients, twenty calls of a hook that never ` +
      'answers, and a second SIGTERM 3 s after the first. Other limits: `trustedProxies` loopback, each ' +
      'client with an address of its own.',
    head: ['what', 'plain', 'a hook that hangs, SIGTERM twice', 'promised'],
    rows: [
      row('new handshakes get 503 after', ({ refusedMs }) => ms(refusedMs), '100 ms'),
      row(
        'first and last close',
        ({ firstMs, lastMs }) => `${ms(firstMs)}, ${ms(lastMs)}`,
        '5 s, 20 s',
      ),
      row('what the clients were told', ({ outcomes }) => tally(outcomes), '3001 to each'),
      row(
        'most that came to the other node in one second',
        ({ peak }) => count(peak),
        stories.map(({ size: n }) => (n < ENOUGH ? '—' : count(mostInOneSecond(n)))).join(', '),
      ),
      row('exit code, after', ({ exitCode, exitMs }) => `${exitCode}, ${ms(exitMs)}`, '0, 25 s'),
      row('back on the other node', ({ back, size: n }) => `${count(back)} of ${count(n)}`, 'all'),
      row(
        'told of a gap; lost without a word; repeated',
        ({ gaps, lost, repeated }) => `${count(gaps)}; ${lost}; ${repeated}`,
        'all; 0; 0',
      ),
    ],
    misses: stories.flatMap(missesOf),
  };
}

/** Where few leave, chance alone makes a rush of any second. */
const ENOUGH = 1_000;

function mostInOneSecond(size: number): number {
  return size < ENOUGH ? Infinity : (1.5 * size) / SPREAD_S;
}

interface Story {
  readonly size: number;
  readonly refusedMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly peak: number;
  readonly exitCode: number | null;
  readonly exitMs: number;
  readonly back: number;
  readonly gaps: number;
  readonly lost: number;
  readonly repeated: number;
}

function missesOf(story: Story): string[] {
  const { size, refusedMs, outcomes, peak, exitCode, exitMs, back, gaps, lost, repeated } = story;
  const others = Object.keys(outcomes).filter(
    (what) => !['101', '503', 'closed 3001'].includes(what),
  );
  return [
    ...(refusedMs < 100 ? [] : [`new handshakes were refused only after ${ms(refusedMs)}`]),
    ...(others.length === 0 ? [] : [`clients were told ${others.join(', ')}`]),
    ...(peak <= mostInOneSecond(size) ? [] : [`${peak} came in one second`]),
    ...(exitCode === 0 && exitMs <= DEADLINE_MS + 500
      ? []
      : [`exit ${exitCode} after ${ms(exitMs)}`]),
    ...(back === size && gaps === size ? [] : [`${back} of ${size} came back, ${gaps} were told`]),
    ...(lost + repeated === 0 ? [] : [`${lost} lost, ${repeated} repeated`]),
  ];
}

async function drains(size: number, { isStuck }: { isStuck: boolean }): Promise<Story> {
  const [old, next] = [new Child('server.ts', 'server'), new Child('server.ts', 'server')];
  const crowd = new Child('crowd.ts', 'others');
  try {
    const [url, nextUrl] = [
      await old.ask<string>('start', setup),
      await next.ask<string>('start', setup),
    ];
    const options: CrowdOptions = {
      url,
      count: size,
      tenant: 'moving',
      tenants: TENANTS,
      perSecond: 1_000,
      isBehindProxy: true,
    };
    await crowd.ask('open', options);
    for (const server of [old, next]) await publishTo(server, size);
    const hanging = isStuck ? await hang(url) : [];
    await sleep(2_000);
    await crowd.ask('look');
    await crowd.ask('move', { url: nextUrl });
    const story = await leave(size, { old, next, crowd, url, isStuck });
    for (const socket of hanging) socket.tcp.destroy();
    return story;
  } finally {
    await Promise.all([old, next, crowd].map((child) => child.kill()));
  }
}

async function publishTo(server: Child, size: number): Promise<void> {
  for (let tenant = 0; tenant < TENANTS; tenant += 1) {
    await server.ask('publish', {
      tenant: `moving${tenant}`,
      users: Math.ceil(size / TENANTS),
      perSecond: PUBLISHED_PER_SECOND / TENANTS,
      bytes: 100,
    });
  }
}

/** Twenty clients that each wait for an answer that never comes. */
async function hang(url: string): Promise<RawSocket[]> {
  return await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const socket = await new RawSocket(url).connect(`stuck/u${n}`);
      socket.write(commandFrame({ id: 2, rpc: { method: 'hang' } }));
      return socket;
    }),
  );
}

interface Leaving {
  readonly old: Child;
  readonly next: Child;
  readonly crowd: Child;
  readonly url: string;
  readonly isStuck: boolean;
}

async function leave(size: number, { old, next, crowd, url, isStuck }: Leaving): Promise<Story> {
  const begin = performance.now();
  const since = () => performance.now() - begin;
  old.signal('SIGTERM');
  const refusedMs = await untilRefused(url, since);
  if (isStuck) setTimeout(() => old.signal('SIGTERM'), 3_000);
  const samples: { atMs: number; opened: number }[] = [];
  let [firstMs, lastMs] = [0, 0];
  while (!old.hasExited && since() < DEADLINE_MS + 10_000) {
    await sleep(100);
    samples.push({ atMs: since(), opened: await next.ask<number>('opened') });
    const connected = await crowd.ask<number>('connected');
    if (connected < size) firstMs ||= since();
    if (connected < size) lastMs = since();
  }
  const exitMs = since();
  await sleep(2_500);
  const report = await crowd.ask<CrowdReport>('look');
  return {
    size,
    refusedMs,
    firstMs,
    lastMs,
    peak: peakOf(samples),
    exitCode: old.exitCode,
    exitMs,
    outcomes: report.outcomes,
    back: report.connected,
    gaps: report.gaps,
    lost: report.lost,
    repeated: report.repeated,
  };
}

async function untilRefused(url: string, since: () => number): Promise<number> {
  for (;;) {
    const socket = await new RawSocket(url).upgrade();
    socket.tcp.destroy();
    if (socket.status === 503 || since() > 5_000) return since();
    await sleep(5);
  }
}
