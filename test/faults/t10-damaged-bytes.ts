import { comesTrue } from '../comes-true.ts';
import { count, ms, tally } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab } from './lab.ts';
import { lossesIn } from './losses.ts';
import { needlessGaps } from './needless-gaps.ts';
import type { Cable } from './proxy.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface DamagedBytesPlan {
  /** On each of the lines. */
  readonly clients: number;
  /** How often every connection of a line is damaged. */
  readonly rounds: number;
  readonly perSecond: number;
  readonly seed: number;
}

interface Way {
  readonly name: string;
  /** Can it be that it changes nothing? */
  readonly isSometimesHarmless?: boolean;
  damage(cable: Cable, round: number): Promise<void>;
}

const ways: readonly Way[] = [
  {
    name: 'up to 8 bytes come twice, to the clients',
    damage: async (cable, round) => await cable.dup(1 + (round % 8), 's2c'),
  },
  {
    name: '200 bits are flipped, to the clients',
    damage: async (cable) => await cable.flip(200, 's2c'),
  },
  {
    name: 'up to 7 bytes come twice, to the server',
    damage: async (cable, round) => await cable.dup(1 + (round % 7), 'c2s'),
  },
  {
    name: 'one bit is flipped, to the server',
    // A pong of two bytes needs only half of its mask of four.
    isSometimesHarmless: true,
    damage: async (cable) => await cable.flip(1, 'c2s'),
  },
];

// Clients say hardly more than their pongs: those are what is damaged on the way to the server.
const limits = { pingIntervalMs: 2_000, pongTimeoutMs: 1_500 };
/** By then who has heard nothing that makes sense has missed a ping: 2 s and 10 s more. */
const PATIENCE_MS = 20_000;
/** By then who has sent a pong that nobody understood is back: 2 s until the pong, 1.5 s, and two more each way. */
const HARMLESS_AFTER_MS = 8_000;

/** Bytes that come twice, or as others. */
export const t10: Experiment = {
  name: 'T10',
  title: 'Damaged bytes',
  broken:
    'on each of 200 connections of the stock `centrifuge` package, ten times: some of the next bytes come ' +
    'twice, or bits of them are flipped: to the clients so many that text cannot stay UTF-8, to the server a ' +
    'single one of a pong, of which a quarter does not matter. (A single bit of a payload’s text that makes another letter of it is for TCP or ' +
    'TLS to find: WebSocket has no checksum.)',
  holds:
    'the connection ends, or nothing was changed; nothing is delivered that was not published like that, or to somebody else; the ' +
    'client recovers, unless it is told 3501 or 1009, after which the stock client does not come back',
  run: async ({ scale, seed }) =>
    await damagedBytes({
      clients: Math.max(10, Math.round(50 * scale)),
      rounds: Math.max(3, Math.round(10 * scale)),
      perSecond: 100,
      seed,
    }),
};

async function damagedBytes(plan: DamagedBytesPlan): Promise<Story> {
  const { clients, rounds, perSecond, seed } = plan;
  const lab = await Lab.open({ seed, limits, hasRemoteProxies: true });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], 5);
    const lines = await Promise.all(
      ways.map(async (way, index) => {
        const cable = await lab.cable(lab.nodes[index % lab.nodes.length]?.process.port ?? 0);
        const urls = [`ws://127.0.0.1:${cable.port}/connection/websocket`];
        const crowd = await lab.crowd({ make: 'stock', count: clients, urls, ...cast });
        return new Line(way, cable, crowd);
      }),
    );
    await lab.load({ to, perSecond });
    await Promise.all(lines.map((line) => line.play(rounds)));
    const sum = (of: (line: Line) => number) => lines.reduce((total, line) => total + of(line), 0);
    const verdict = await judge(lab, { absent: sum(({ gone }) => gone) });
    const { recovered, gaps, recoveries, outcomes } = verdict.clients;
    const spoiled = outcomes['spoiled'] ?? 0;
    return {
      happened:
        `Of ${count(sum(({ damages }) => damages))} damaged connections ${count(sum(({ ended }) => ended))} ended; ` +
        `${count(recovered)} subscriptions recovered, ${count(sum(({ gone }) => gone))} clients were told to stay away.`,
      figures: {
        'silent corruptions': count(spoiled),
        ...Object.fromEntries(lines.map((line) => [line.way.name, line.figure()])),
        'gap signals': count(gaps),
        'back in all channels after': `p50 ${ms(recoveries.quantile(0.5))}, p99 ${ms(recoveries.quantile(0.99))}`,
      },
      proofs: [
        ...lines.map(({ way, damages }) => ({ what: way.name, times: damages })),
        { what: 'a subscription recovered', times: recovered },
      ],
      verdicts: [verdict],
      controls: [],
      misses: [
        ...(spoiled > 0 ? [`${spoiled} payloads were not as they had been published`] : []),
        ...needlessGaps(verdict),
        ...lines.flatMap((line) => line.misses),
      ],
    };
  } finally {
    await lab.close();
  }
}

/** Clients of one line, and what is done to it. */
class Line {
  readonly way: Way;
  /** Damages, connections that ended since, and clients that must not come back. */
  damages = 0;
  ended = 0;
  gone = 0;
  readonly misses: string[] = [];
  readonly #cable: Cable;
  readonly #crowd: Crowd;
  #told: Readonly<Record<string, number>> = {};

  constructor(way: Way, cable: Cable, crowd: Crowd) {
    this.way = way;
    this.#cable = cable;
    this.#crowd = crowd;
  }

  async play(rounds: number): Promise<void> {
    for (let round = 0; round < rounds && this.gone < this.#crowd.size; round += 1) {
      // oxlint-disable-next-line no-await-in-loop -- each round needs everybody to be there
      await this.#damageAll(round);
    }
  }

  figure(): string {
    return `${count(this.damages)} × (${tally(this.#told)})`;
  }

  async #damageAll(round: number): Promise<void> {
    const { name, isSometimesHarmless = false } = this.way;
    const expected = this.ended + this.#crowd.size - this.gone;
    await this.way.damage(this.#cable, round);
    const patienceMs = isSometimesHarmless ? HARMLESS_AFTER_MS : PATIENCE_MS;
    const haveAll = await comesTrue(patienceMs, async () => {
      await this.#count();
      return this.ended >= expected && (await this.#crowd.there()) === this.#crowd.size - this.gone;
    });
    if (haveAll || isSometimesHarmless) return;
    this.misses.push(
      `${name}: ${expected - this.ended} connections went on as if nothing had been`,
    );
  }

  async #count(): Promise<void> {
    const { outcomes } = await this.#crowd.totals();
    this.damages = (await this.#cable.counts()).damages;
    this.ended = lossesIn(outcomes);
    this.gone = Object.entries(outcomes).reduce(
      (sum, [what, times]) => (what.startsWith('given up') ? sum + times : sum),
      0,
    );
    this.#told = outcomes;
  }
}
