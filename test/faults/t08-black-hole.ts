import { setTimeout as sleep } from 'node:timers/promises';
import { count, ms, tally } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Histogram } from './histogram.ts';
import { Lab } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { lossesIn } from './losses.ts';
import { needlessGaps } from './needless-gaps.ts';
import type { Directions } from './proxy-shape.ts';
import { judge } from './verdict.ts';
import { Watch } from './watch.ts';

/** How it is played. */
interface BlackHolePlan {
  /** On each of the three nodes that are cut off. */
  readonly clients: number;
  /** Of these, on one of them. */
  readonly stock: number;
  readonly perSecond: number;
  readonly darkMs: number;
  readonly seed: number;
}

/** P6. */
const MOST_MS = 35_000;
/** What a busy machine and a look every 100 ms may add. */
const SLACK_MS = 500;
const LOOK_MS = 100;

const ways: readonly { readonly name: string; readonly directions: Directions }[] = [
  { name: 'nothing reaches the server', directions: 'c2s' },
  { name: 'nothing reaches the clients', directions: 's2c' },
  { name: 'nothing passes at all', directions: 'both' },
];

/** Connections that are dead without anybody being told. */
export const t08: Experiment = {
  name: 'T8',
  title: 'A black hole',
  broken:
    'between 100 clients each and three nodes everything is swallowed for 60 s, without a FIN or RST: from ' +
    'the clients only, from the server only, both; the default pings of 25 s; a fourth node stays within ' +
    'reach; 30 publications a second',
  holds:
    'both sides notice within 35 s and the node lets go of its dead clients; the clients recover on the ' +
    'fourth node; nothing comes twice when the hole gives back what it swallowed',
  run: async ({ scale, seed }) =>
    await blackHole({
      clients: Math.max(20, Math.round(100 * scale)),
      stock: Math.max(5, Math.round(30 * scale)),
      perSecond: 30,
      darkMs: 60_000,
      seed,
    }),
};

async function blackHole(plan: BlackHolePlan): Promise<Story> {
  const { clients, stock, perSecond, darkMs, seed } = plan;
  const lab = await Lab.open({ seed, nodes: ways.length + 1, hasRemoteProxies: true });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], 3);
    const [refuge = '', ...dark] = lab.urls;
    const sides = await Promise.all(
      dark.map(async (url, index) => {
        const hasStock = index === ways.length - 1;
        const own = { urls: [url], ...cast };
        const crowds = [
          await lab.crowd({ make: 'raw', count: clients - (hasStock ? stock : 0), ...own }),
          ...(hasStock ? [await lab.crowd({ make: 'stock', count: stock, ...own })] : []),
        ];
        return new Side(lab.nodes[index + 1], crowds);
      }),
    );
    await lab.load({ to, perSecond });
    await Promise.all(
      sides.map((side, index) => side.goDark(ways[index]?.directions ?? 'both', refuge)),
    );
    await sleep(darkMs);
    await Promise.all(sides.map((side) => side.comeBack()));
    const verdict = await judge(lab);
    const { recovered, gaps, outcomes } = verdict.clients;
    return {
      happened: `${count(clients * ways.length)} clients lost their servers without a word, noticed, and recovered elsewhere.`,
      figures: {
        ...Object.fromEntries(
          sides.map((side, index) => [ways[index]?.name ?? '', side.figure()] as const),
        ),
        'gap signals': count(gaps),
        'the clients were told': tally(outcomes),
      },
      proofs: [
        ...sides.map((side, index) => ({
          what: `a client noticed that ${ways[index]?.name}`,
          times: side.byClients.count,
        })),
        { what: 'a subscription recovered', times: recovered },
      ],
      verdicts: [verdict],
      controls: [],
      misses: [
        ...sides.flatMap((side, index) =>
          side.misses().map((miss) => `Where ${ways[index]?.name}, ${miss}`),
        ),
        ...needlessGaps(verdict),
      ],
    };
  } finally {
    await lab.close();
  }
}

/** A node, and the clients that it has when its line goes dark. */
class Side {
  /** After how long they noticed. */
  readonly byClients: Histogram = new Histogram();
  readonly #byNode = new Histogram();
  readonly #node: LabNode | undefined;
  readonly #crowds: readonly Crowd[];
  /** When the last of the dead connections was gone from the node. */
  #freedMs = Infinity;
  #watch: Watch | null = null;

  constructor(node: LabNode | undefined, crowds: readonly Crowd[]) {
    this.#node = node;
    this.#crowds = crowds;
  }

  /** From here on its clients go to the refuge, if they notice. */
  async goDark(directions: Directions, refuge: string): Promise<void> {
    await Promise.all(this.#crowds.map((crowd) => crowd.move([refuge])));
    await this.#node?.clients.blackhole(directions);
    this.#watch = new Watch(LOOK_MS, async (sinceMs) => await this.#look(sinceMs));
  }

  async comeBack(): Promise<void> {
    await this.#watch?.end();
    await this.#node?.clients.pass();
  }

  figure(): string {
    const times = (of: Histogram) => `p50 ${ms(of.quantile(0.5))}, max ${ms(of.maxMs)}`;
    return (
      `clients noticed after ${times(this.byClients)}; the server after ${times(this.#byNode)}, ` +
      `the last socket was closed after ${ms(this.#freedMs)}`
    );
  }

  misses(): string[] {
    const size = this.#crowds.reduce((sum, crowd) => sum + crowd.size, 0);
    const most = MOST_MS + SLACK_MS;
    const slowest = Math.max(this.byClients.maxMs, this.#byNode.maxMs, this.#freedMs);
    return [
      ...(this.byClients.count === size
        ? []
        : [`${this.byClients.count} of ${size} clients noticed`]),
      ...(this.#byNode.count === size
        ? []
        : [`the server noticed ${this.#byNode.count} of ${size} deaths`]),
      ...(slowest <= most ? [] : [`the last noticed or let go after ${ms(slowest)}`]),
    ];
  }

  async #look(sinceMs: number): Promise<void> {
    const looks = await Promise.all(this.#crowds.map((crowd) => crowd.look()));
    const lost = looks.reduce((sum, { outcomes }) => sum + lossesIn(outcomes), 0);
    for (let n = 0; n < lost; n += 1) this.byClients.add(sinceMs);
    const report = await this.#node?.process.report();
    const ended = report?.stats.disconnects['3012'] ?? 0;
    for (let n = this.#byNode.count; n < ended; n += 1) this.#byNode.add(sinceMs);
    if (report?.stats.connections === 0) this.#freedMs = Math.min(this.#freedMs, sinceMs);
  }
}
