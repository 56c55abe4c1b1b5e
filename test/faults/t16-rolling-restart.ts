import type { DrainOptions } from '@trunkline/server';
import { RawSocket } from '../../packages/server/test/hostile-frames.ts';
import { commandFrame } from '../lab/attack.ts';
import { count, ms, tally } from '../lab/report.ts';
import { type NginxServer, startNginx } from '../services/nginx.ts';
import { type Cast, castOf } from './cast.ts';
import type { Crowd } from './crowd.ts';
import { type Departure, depart } from './departure.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab, type LabInit, MissingServerError } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { needlessGaps } from './needless-gaps.ts';
import { HANGING_ROOM, HANGING_TENANT } from './t16-app.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface RollingRestartPlan {
  readonly clients: number;
  readonly perSecond: number;
  readonly drain: Required<DrainOptions>;
  /** Clients of a node that leaves while hooks of its app hang, and is told twice; 0: that is left out. */
  readonly stuck: number;
  readonly seed: number;
}

/** As by default. */
const drain: Required<DrainOptions> = { waitMs: 5_000, spreadMs: 15_000, deadlineMs: 25_000 };
const NODES = 3;
const MOST_UNREADY_MS = 100;
const EXIT_SLACK_MS = 500;
/** P13: of an even spread. */
const MOST_OF_EVEN = 1.5;
/** Where few leave, chance alone makes a rush of any second. */
const ENOUGH = 500;
const SECOND_SIGNAL_MS = 3_000;
/** Of each kind. */
const HANGING = 7;

/** A deploy: one node after the other is replaced. */
export const t16: Experiment = {
  name: 'T16',
  title: 'A rolling restart',
  broken:
    'three nodes behind nginx, without sticky sessions, are told to go (SIGTERM) and started again, one after ' +
    'the other, under 300 publications a second and 6,000 clients; then one of them with 600 clients while ' +
    'hooks of its app hang for 60 s (`authenticate`, `authorize`, a call) and the signal comes twice',
  holds:
    '`/readyz` says 503 within 100 ms; the node ends with 0 within 25 s; no acknowledged publication is lost; ' +
    'every client recovers; no second brings more than 1.5 of an even spread over 15 s',
  run: async ({ scale, seed }) =>
    await rollingRestart({
      clients: Math.round(6_000 * scale),
      perSecond: 300,
      drain,
      stuck: Math.max(60, Math.round(600 * scale)),
      seed,
    }),
};

export async function rollingRestart(plan: RollingRestartPlan): Promise<Story> {
  const rolled = await behindNginx(plan, plan.clients, replaceAll);
  const stuck = plan.stuck > 0 ? await behindNginx(plan, plan.stuck, leaveStuck) : null;
  const runs = stuck ? [rolled, stuck] : [rolled];
  const all = runs.flatMap(({ departures }) => departures);
  const { recovered, gaps, outcomes } = rolled.verdict.clients;
  const slowestMs = Math.max(...rolled.departures.map(({ exitMs }) => exitMs));
  return {
    happened:
      `${NODES} nodes went in turn, each within ${ms(slowestMs)}; ${count(recovered)} subscriptions ` +
      `recovered, ${count(gaps)} had a gap signal.`,
    figures: { ...figuresOf(rolled, plan), ...(stuck ? stuckFigures(stuck) : {}) },
    proofs: [
      { what: 'a node went', times: all.length },
      { what: 'a client was told 3001', times: outcomes['closed 3001'] ?? 0 },
      { what: 'a subscription recovered', times: recovered },
      ...(stuck ? [{ what: 'a hook hung', times: stuck.hanging }] : []),
    ],
    verdicts: runs.map(({ verdict }) => verdict),
    controls: [],
    misses: [
      ...all
        .filter(({ exitCode }) => exitCode !== 0)
        .map((each) => `A node ended with ${exitText(each)}`),
      ...runs.flatMap(({ verdict }) => needlessGaps(verdict)),
    ],
    late: all.flatMap((departure) => lateOf(departure, plan)),
  };
}

function figuresOf({ departures, verdict }: Rolled, plan: RollingRestartPlan): Story['figures'] {
  const { recoveries, outcomes } = verdict.clients;
  const listOf = (text: (departure: Departure) => string) => departures.map(text).join(', ');
  return {
    'connections of each node when it went': listOf(({ size }) => count(size)),
    '503 after': listOf(({ unreadyMs }) => ms(unreadyMs)),
    'exit code and drain': listOf(exitText),
    'most connections in one second': listOf(
      (each) => `${count(each.peak)} (${count(mostInOneSecond(each, plan))} promised)`,
    ),
    'back in all channels after': `p50 ${ms(recoveries.quantile(0.5))}, p99 ${ms(recoveries.quantile(0.99))}, max ${ms(recoveries.maxMs)}`,
    'acknowledged publications': `${count(verdict.published.accepted)}, lost ${count(lostOf(verdict))}`,
    'the clients were told': tally(outcomes),
  };
}

function stuckFigures({ departures, verdict }: Rolled): Story['figures'] {
  const { recovered, gaps } = verdict.clients;
  const exits = departures.map(exitText).join(', ');
  return {
    'with hanging hooks and two signals': `${exits}; ${count(recovered)} recovered, ${count(gaps)} gap signals`,
  };
}

function exitText({ exitCode, exitMs }: Departure): string {
  return `${exitCode} after ${ms(exitMs)}`;
}

/** What came of one run. */
interface Rolled {
  readonly departures: readonly Departure[];
  readonly verdict: Verdict;
  /** Sockets that waited for a hook when their node went. */
  readonly hanging: number;
}

interface Scene extends Pick<Cast, 'to'> {
  readonly lab: Lab;
  readonly crowd: Crowd;
  readonly plan: RollingRestartPlan;
}

async function behindNginx(
  plan: RollingRestartPlan,
  clients: number,
  play: (scene: Scene) => Promise<Omit<Rolled, 'verdict'>>,
): Promise<Rolled> {
  const init: LabInit = {
    seed: plan.seed,
    nodes: NODES,
    drain: plan.drain,
    trustedProxies: ['loopback'],
    hasRemoteProxies: true,
    limits: { hookTimeoutMs: 60_000 },
    app: new URL('t16-app.ts', import.meta.url).href,
  };
  const lab = await Lab.open(init);
  const nginx = await nginxBefore(lab);
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], Math.ceil(clients / 20));
    const urls = [`${nginx.url.replace('http', 'ws')}/connection/websocket`];
    const own = { urls, perSecond: 800, isBehindProxy: true } as const;
    const crowd = await lab.crowd({ make: 'raw', count: clients, ...cast, ...own });
    await lab.load({ to, perSecond: plan.perSecond });
    const { departures, hanging } = await play({ lab, crowd, to, plan });
    return { departures, hanging, verdict: await judge(lab) };
  } finally {
    await lab.close();
    await nginx.stop();
  }
}

async function nginxBefore(lab: Lab): Promise<NginxServer> {
  const nginx = await startNginx({ nodes: lab.nodes.map(({ process }) => process.port) });
  if (!('missing' in nginx)) return nginx;
  await lab.close();
  throw new MissingServerError(nginx.missing);
}

/** One after the other, as a deploy does. */
async function replaceAll(scene: Scene): Promise<Omit<Rolled, 'verdict'>> {
  const departures: Departure[] = [];
  for (const node of scene.lab.nodes) {
    // oxlint-disable-next-line no-await-in-loop -- see above
    departures.push(await depart(scene.lab, node, { areBack: areBack(scene) }));
    // oxlint-disable-next-line no-await-in-loop -- see above
    await replace(scene, node);
  }
  return { departures, hanging: 0 };
}

async function leaveStuck(scene: Scene): Promise<Omit<Rolled, 'verdict'>> {
  const [node] = scene.lab.nodes;
  if (!node) throw new Error('There are three nodes');
  const hanging = await hang(node.process.port);
  const secondMs = Math.min(SECOND_SIGNAL_MS, scene.plan.drain.waitMs);
  const departure = await depart(scene.lab, node, { areBack: areBack(scene), secondMs });
  for (const socket of hanging) socket.tcp.destroy();
  await replace(scene, node);
  return { departures: [departure], hanging: hanging.length };
}

function areBack({ crowd }: Scene): () => Promise<boolean> {
  return async () => (await crowd.there()) === crowd.size;
}

async function replace({ lab, to, plan }: Scene, { process }: LabNode): Promise<void> {
  await process.restart();
  await process.load({ to, perSecond: plan.perSecond / lab.nodes.length });
}

/** Clients that wait for `authenticate`, for `authorize`, and for a call. */
async function hang(port: number): Promise<RawSocket[]> {
  const url = `ws://127.0.0.1:${port}/connection/websocket`;
  const sockets = Array.from({ length: 3 * HANGING }, () => new RawSocket(url));
  await Promise.all(
    sockets.map(async (socket, n) => {
      if (n < HANGING) {
        await socket.upgrade();
        socket.write(commandFrame({ id: 1, connect: { token: `${HANGING_TENANT}/u${n}` } }));
        return;
      }
      await socket.connect(`acme/hanging${n}`);
      const isCall = n < 2 * HANGING;
      const command = isCall
        ? { rpc: { method: 'hang' } }
        : { subscribe: { channel: HANGING_ROOM } };
      socket.write(commandFrame({ id: 2, ...command }));
    }),
  );
  return sockets;
}

function mostInOneSecond({ size }: Departure, { drain: { spreadMs } }: RollingRestartPlan): number {
  return size < ENOUGH ? Infinity : (MOST_OF_EVEN * size) / (spreadMs / 1_000);
}

function lateOf(departure: Departure, plan: RollingRestartPlan): string[] {
  const { unreadyMs, exitMs, peak } = departure;
  const most = mostInOneSecond(departure, plan);
  return [
    ...(unreadyMs < MOST_UNREADY_MS ? [] : [`A node said 503 only after ${ms(unreadyMs)}`]),
    ...(exitMs <= plan.drain.deadlineMs + EXIT_SLACK_MS
      ? []
      : [`A node ended only after ${ms(exitMs)}`]),
    ...(peak <= most ? [] : [`${count(peak)} came in one second, at most ${count(most)} may`]),
  ];
}

/** Acknowledged publications that somebody should have had and has not. */
function lostOf({ violations }: Verdict): number {
  return violations.filter(({ invariant }) => invariant === 'I3' || invariant === 'I7').length;
}
