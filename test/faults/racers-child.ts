// Clients that enter and leave rooms as fast as they can, in one process, with a ledger of what each is told.
import { markerOf } from '../../packages/server/test/model/ledger.ts';
import { seeded } from '../../packages/server/test/seeded.ts';
import { answer } from '../lab/child.ts';
import type { LastWord } from './audience.ts';
import { type CompactLedgers, SeenStreams } from './compact-ledger.ts';
import { tokenOf } from './person.ts';
import { Racer, type Races } from './racer.ts';
import { Counters, Recorder } from './recorder.ts';

/** Who races, how, and where. */
export interface RacersOptions {
  readonly count: number;
  readonly urls: readonly string[];
  /** The n-th is of the n-th, and so on in turn. */
  readonly tenantIds: readonly string[];
  /** So many rooms there are: `room:0` and so on. Each goes between three of them. */
  readonly rooms: number;
  readonly racesEach: number;
  readonly stayMs: number;
  readonly seed: number;
}

const seen = new SeenStreams();
const counters = new Counters();
const racers: Racer[] = [];
const recorders: Recorder[] = [];

/** Resolves when all of them have raced enough. */
async function race(options: RacersOptions): Promise<Races> {
  for (let n = 0; n < options.count; n += 1) add(options, n);
  await Promise.all(racers.map((racer) => racer.race(options.racesEach)));
  const sum = (of: keyof Races) => racers.reduce((total, { races }) => total + races[of], 0);
  return {
    fresh: sum('fresh'),
    recovering: sum('recovering'),
    brought: sum('brought'),
    close: sum('close'),
    refused: sum('refused'),
  };
}

function add({ urls, tenantIds, rooms, stayMs, seed }: RacersOptions, n: number): void {
  const tenantId = tenantIds[n % tenantIds.length] ?? '';
  const person = { tenantId, userId: `racer${n}` };
  const listener = new Recorder({
    name: `racer ${n}`,
    person,
    wires: ['@user', '@all'],
    foreign: tenantIds.filter((id) => id !== tenantId).map(markerOf),
    seen,
    counters,
  });
  const own = [0, 1, 2].map((next) => `room:${(n + next) % rooms}`);
  const options = { urls, rooms: own, stayMs, listener, token: tokenOf(person) };
  recorders.push(listener);
  racers.push(new Racer({ ...options, random: seeded(seed + n) }, n));
}

answer({
  race,
  there: () => recorders.filter(({ isThere }) => isThere).length,
  behind: (lastWords: Readonly<Record<string, LastWord>>) =>
    recorders.filter((recorder) => recorder.isBehind(lastWords)).length,
  look: () => counters.take(),
  ledgers: (): CompactLedgers => ({
    streams: seen.all,
    readers: recorders.flatMap((recorder) => recorder.readers()),
  }),
  leave: () => {
    for (const racer of racers) racer.leave();
  },
});
