import { setTimeout as sleep } from 'node:timers/promises';
import { count, ms, tally } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import type { Histogram } from './histogram.ts';
import { Lab } from './lab.ts';
import { needlessGaps } from './needless-gaps.ts';
import type { Cable } from './proxy.ts';
import type { Shape } from './proxy-shape.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface BadLinePlan {
  /** On each of the lines. */
  readonly clients: number;
  readonly seconds: number;
  readonly pingIntervalMs: number;
  readonly seed: number;
}

interface Line {
  readonly name: string;
  readonly shape: Shape;
  /** No publication can come sooner than that. */
  readonly leastMs: number;
}

const late: Shape = { delayMs: 300, jitterMs: 200 };
const slow: Shape = { bytesPerSecond: 2_000 };
const chopped: Shape = { chopBytes: 1 };

const lines: readonly Line[] = [
  { name: '300 ms late, and up to 200 ms more', shape: late, leastMs: 300 },
  { name: '2 KB/s', shape: slow, leastMs: 0 },
  { name: 'one byte at a time', shape: chopped, leastMs: 0 },
  { name: 'all of that', shape: { ...late, ...slow, ...chopped }, leastMs: 300 },
];

/** Half of the default. */
const PONG_MS = 4_000;
/** Of a room: it fits through 2 KB/s, byte by byte. */
const PER_SECOND = 1;
const ROOMS = 2;

/** Lines on which everything comes, but late, slowly and in crumbs. */
export const t09: Experiment = {
  name: 'T9',
  title: 'A bad line',
  broken:
    'the lines of 25 clients each: 300 ms late with a jitter of 200 ms; 2 KB/s; one byte at a time; all of ' +
    'that; pings every 5 s for 2 minutes, which are as many as by default in 10, and 4 s for each answer; ' +
    'halfway through every connection is cut once, and what was missed comes by the same line',
  holds: 'nobody is taken for dead who is not; nothing is lost, nothing comes twice',
  run: async ({ scale, seed }) =>
    await badLine({
      clients: Math.max(5, Math.round(25 * scale)),
      seconds: Math.max(20, 120 * scale),
      pingIntervalMs: 5_000,
      seed,
    }),
};

async function badLine(plan: BadLinePlan): Promise<Story> {
  const { clients, seconds, pingIntervalMs, seed } = plan;
  const limits = { pingIntervalMs, pongTimeoutMs: PONG_MS };
  const lab = await Lab.open({ seed, limits, hasRemoteProxies: true });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], ROOMS);
    const cables = await Promise.all(lines.map(async (line) => await shaped(lab, line)));
    const crowds = await Promise.all(
      cables.map(
        async ({ port }) =>
          await lab.crowd({ make: 'raw', count: clients, urls: [urlOf(port)], ...cast }),
      ),
    );
    await lab.load({ to, perSecond: PER_SECOND * to.length });
    const first = await latencies(crowds, seconds / 2);
    await Promise.all(cables.map((cable) => cable.rst()));
    const then = await latencies(crowds, seconds / 2);
    const verdict = await judge(lab);
    const { recovered, gaps, outcomes } = verdict.clients;
    const cut = clients * lines.length;
    const told = { ...outcomes, cut: (outcomes['cut'] ?? 0) - cut };
    const unasked = Object.entries(told).filter(([, times]) => times !== 0);
    const falseEnds = unasked.reduce((sum, [, times]) => sum + times, 0);
    const bytes = await Promise.all(cables.map((cable) => cable.counts()));
    return {
      happened: `${count(cut)} clients had bad lines for ${seconds} s, and about ${count((cut * seconds * 1_000) / pingIntervalMs)} pings; beside those that we cut, ${count(falseEnds)} connections ended.`,
      figures: {
        'false disconnects': count(falseEnds),
        'gap signals': count(gaps),
        ...Object.fromEntries(
          lines.map(({ name }, index) => [
            name,
            `delivered after p50 ${ms(first[index]?.quantile(0.5) ?? 0)}, p99 ${ms(then[index]?.quantile(0.99) ?? 0)}`,
          ]),
        ),
        'back in all channels after': `p50 ${ms(verdict.clients.recoveries.quantile(0.5))}, max ${ms(verdict.clients.recoveries.maxMs)}`,
      },
      proofs: [
        { what: 'a connection was cut', times: bytes.reduce((sum, { resets }) => sum + resets, 0) },
        { what: 'a subscription recovered', times: recovered },
        ...lines.map(({ name, leastMs }, index) => ({
          what: `a publication came by a line that is ${name}`,
          times: (first[index]?.quantile(0) ?? 0) >= leastMs ? (first[index]?.count ?? 0) : 0,
        })),
      ],
      verdicts: [verdict],
      controls: [],
      misses: [
        ...(unasked.length > 0
          ? [`Beside our cut, clients were told ${tally(Object.fromEntries(unasked))}`]
          : []),
        ...needlessGaps(verdict),
      ],
    };
  } finally {
    await lab.close();
  }
}

/** One more line to the nodes, in turn. */
async function shaped(lab: Lab, { shape }: Line): Promise<Cable> {
  const node = lab.nodes[lines.findIndex((line) => line.shape === shape) % lab.nodes.length];
  const cable = await lab.cable(node?.process.port ?? 0);
  await cable.shape(shape);
  return cable;
}

function urlOf(port: number): string {
  return `ws://127.0.0.1:${port}/connection/websocket`;
}

async function latencies(crowds: readonly Crowd[], seconds: number): Promise<Histogram[]> {
  await Promise.all(crowds.map((crowd) => crowd.look()));
  await sleep(1_000 * seconds);
  const looks = await Promise.all(crowds.map((crowd) => crowd.look()));
  return looks.map((look) => look.latencies);
}
