import { CEILING, RIVAL } from '../peers.ts';
import type { Run } from '../rounds.ts';
import type { MeasureName } from '../scenarios/scenario.ts';
import { type Place, ratioOf, type Spread, spreadOf } from './statistics.ts';
import { digits, type Rows } from './table.ts';

/** What is aimed at. */
interface Goal {
  readonly work: string;
  readonly aim: string;
  /** What came of it; `null` where it was not measured. */
  measured(runs: readonly Run[], peer: string): Result | null;
}

interface Result {
  readonly text: string;
  readonly isMet: boolean;
}

/** Those that the goals are for, and what can be reached here at all. */
const judged = ['trunkline', 'nestjs-trunkline', CEILING] as const;

const goals: readonly Goal[] = [
  atMost(0.65, RIVAL, 'room-1000', 'a room of 1,000, one event at a time'),
  atMost(1.1, CEILING, 'room-1000', 'a room of 1,000, one event at a time'),
  atMost(0.5, RIVAL, 'room-9000', 'a room of 9,000'),
  atMost(0.5, RIVAL, 'rooms-1000x10', '1,000 rooms of 10'),
  atMost(0.58, RIVAL, 'users-9000', '9,000 single users'),
  atMost(0.2, RIVAL, 'turn-4', '4 events per turn to 1,000'),
  atMost(0.07, RIVAL, 'turn-16', '16 events per turn to 1,000'),
  atMost(0.7, RIVAL, 'latency-36', 'p99 of a fan-out to 1,000 at 36 events/s', 'p99Ms'),
  {
    work: 'memory per idle connection at 9,000',
    aim: '≤ 7 KiB',
    measured: (runs, peer) => {
      const kib = spreadOf(runs, { scenario: 'memory', peer, figure: 'kib9000' });
      return kib && { text: `${digits(kib.median)} KiB`, isMet: kib.median <= 7 };
    },
  },
  {
    work: 'connects per second, until authenticated and subscribed',
    aim: `≥ 3 × ${RIVAL}`,
    measured: (runs, peer) => {
      const place: Place = { scenario: 'connect', peer, figure: 'connectionsPerSecond' };
      return resultOf(ratioOf(runs, place, RIVAL), (ratio) => ratio >= 3);
    },
  },
  {
    work: 'p99 of one tenant while another floods',
    aim: '≤ max(2 × its own without, 25 ms)',
    measured: (runs, peer) => {
      const during = spreadOf(runs, { scenario: 'neighbour', peer, figure: 'p99Ms' });
      const alone = spreadOf(runs, { scenario: 'neighbour', peer, figure: 'calmP99Ms' });
      if (!during || !alone) return null;
      const text = `${digits(during.median)} ms (alone ${digits(alone.median)} ms)`;
      return { text, isMet: during.median <= Math.max(2 * alone.median, 25) };
    },
  },
];

/** The goals as a table; only the head, where nothing of them was measured. */
export function goalRows(runs: readonly Run[]): Rows {
  const rows = goals.flatMap((goal) => {
    const results = judged.map((peer) => goal.measured(runs, peer));
    if (results.every((result) => result === null)) return [];
    return [[goal.work, goal.aim, ...results.map((result) => (result ? verdict(result) : ''))]];
  });
  return [['work', 'goal', ...judged], ...rows];
}

function verdict({ text, isMet }: Result): string {
  return `${text} ${isMet ? '✓' : '✗ missed'}`;
}

function atMost(
  limit: number,
  to: string,
  scenario: string,
  work: string,
  figure: MeasureName = 'cpuPerMillion',
): Goal {
  return {
    work: figure === 'cpuPerMillion' ? `${work}: CPU per delivery` : work,
    aim: `≤ ${limit.toFixed(2)} × ${to}`,
    measured: (runs, peer) =>
      resultOf(ratioOf(runs, { scenario, peer, figure }, to), (ratio) => ratio <= limit),
  };
}

function resultOf(ratio: Spread | null, isMet: (ratio: number) => boolean): Result | null {
  if (!ratio) return null;
  const { median, min, max } = ratio;
  const range = `[${min.toFixed(2)}..${max.toFixed(2)}]`;
  return { text: `${median.toFixed(2)} ${range}`, isMet: isMet(median) };
}
