import { setTimeout as sleep } from 'node:timers/promises';
import { comesTrue } from '../comes-true.ts';
import { count, ms } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab } from './lab.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface StoppedClientsPlan {
  /** Of each crowd: one is stopped for half the window, one for twice, one not at all. */
  readonly clients: number;
  /** How long it takes until all of a room's history is new. */
  readonly windowMs: number;
  /** Publications that a room keeps. */
  readonly size: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly seed: number;
}

const ROOMS = 5;
/** A client's own channel and its tenant's, in which nothing is said, and its room. */
const QUIET = 2;
const BACK_MS = 35_000;

/** Clients that do nothing for a while: a laptop that sleeps. */
export const t12: Experiment = {
  name: 'T12',
  title: 'Clients that sleep',
  broken:
    'of 300 clients in rooms whose history covers 50 s (500 publications) 100 are stopped (SIGSTOP) for half ' +
    'of that and 100 for twice of it; the nodes give them up meanwhile (ping 10 s, pong 8 s)',
  holds:
    'who slept for half the window has everything; who slept for twice as long has one gap signal in its room ' +
    'and nothing of what was missed; the others notice nothing',
  run: async ({ scale, seed }) =>
    await stoppedClients({
      clients: Math.max(10, Math.round(100 * scale)),
      windowMs: scale < 1 ? 10_000 : 50_000,
      size: 500,
      pingIntervalMs: scale < 1 ? 1_000 : 10_000,
      pongTimeoutMs: scale < 1 ? 900 : 8_000,
      seed,
    }),
};

async function stoppedClients(plan: StoppedClientsPlan): Promise<Story> {
  const { clients, windowMs, size, pingIntervalMs, pongTimeoutMs, seed } = plan;
  const history = { size, ttlMs: 300_000, maxBytes: 1_000 * size };
  const limits = { pingIntervalMs, pongTimeoutMs, history };
  const lab = await Lab.open({ seed, limits, hasRemoteProxies: true });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], ROOMS);
    const options = { make: 'raw', count: clients, ...cast } as const;
    const awake = await lab.crowd(options);
    const inside = await lab.crowd(options);
    const outside = await lab.crowd(options);
    await lab.load({ to, perSecond: (1_000 * to.length * size) / windowMs });
    await sleep(windowMs / 10);
    await Promise.all([sleepFor(windowMs / 2, inside), sleepFor(2 * windowMs, outside)]);
    const verdict = await judge(lab);
    const [here, half, twice] = await Promise.all(
      [awake, inside, outside].map((crowd) => crowd.totals()),
    );
    if (!here || !half || !twice) throw new Error('There are three crowds');
    const ended = verdict.nodes.reduce(
      (sum, { stats }) => sum + (stats.disconnects['3012'] ?? 0),
      0,
    );
    return {
      happened: `${count(ended)} sleepers were given up by their nodes. After half the window all came back with everything; after twice the window each had a gap signal.`,
      figures: {
        [`asleep for ${ms(windowMs / 2)}`]: `recovered ${count(half.recovered)}, gap signals ${count(half.gaps)}`,
        [`asleep for ${ms(2 * windowMs)}`]: `recovered ${count(twice.recovered)} (silent channels), gap signals ${count(twice.gaps)} (rooms)`,
        awake: `recovered ${count(here.recovered)}, gap signals ${count(here.gaps)}`,
      },
      proofs: [
        { what: 'a sleeper was given up', times: ended },
        { what: 'a sleeper came back inside the window', times: half.recovered },
        { what: 'a sleeper came back outside the window', times: twice.gaps },
      ],
      verdicts: [verdict],
      controls: [],
      misses: [
        ...unless('asleep for half the window', half, [clients * (QUIET + 1), 0]),
        ...unless('asleep for twice the window', twice, [clients * QUIET, clients]),
        ...unless('awake', here, [0, 0]),
      ],
    };
  } finally {
    await lab.close();
  }
}

/** Resolves when all of them have heard that they were given up, and are back. */
async function sleepFor(forMs: number, crowd: Crowd): Promise<void> {
  crowd.freeze();
  await sleep(forMs);
  crowd.thaw();
  const expected = crowd.size * (QUIET + 1);
  await comesTrue(BACK_MS, async () => {
    const { recovered, gaps } = await crowd.totals();
    return recovered + gaps >= expected;
  });
}

function unless(
  who: string,
  told: { readonly recovered: number; readonly gaps: number },
  [recovered, gaps]: readonly [number, number],
): string[] {
  if (told.recovered === recovered && told.gaps === gaps) return [];
  return [
    `Who was ${who} recovered ${told.recovered} times and had ${told.gaps} gap signals, not ${recovered} and ${gaps}`,
  ];
}
