// The isolation model test (promise P12): what anybody gets is their own realm's, whatever happens.
import { expect, test } from 'vitest';
import {
  firstSeed,
  isNightly,
  isReplay,
  SHRINK_MS,
  search,
} from '../../packages/server/test/model/search.ts';
import { type Outcome, play } from './play.ts';
import { scenarios } from './scenario.ts';
import { Tally } from './tally.ts';
import { expectVariety } from './variety.ts';

const STEPS = 400;
const RUNS_PER_SEED = 5;
/** Deliveries that are checked at least, on raw frames. */
const DELIVERIES = isNightly ? 10_000_000 : 100_000;
/** Events that a service sends at once, at most. */
const MAX_COUNT = isNightly ? 1_000 : 40;
/** So often a world is made at least, whatever has been delivered: for what happens rarely. */
const RUNS = 40;
const MAX_LINES = 20;
const LIMIT_MS = isNightly ? 3_600_000 : 120_000 + SHRINK_MS;

test(
  'nobody ever gets anything of another realm, and who tries is answered as if there were nothing',
  async () => {
    const seed = firstSeed();
    console.info(`isolation, seed ${seed}: ${STEPS} steps each, at least ${DELIVERIES} deliveries`);
    const tally = new Tally();
    await search(seed, {
      name: 'isolation',
      scenarios: scenarios(STEPS, MAX_COUNT),
      play: async (scenario) => inWords(await play(scenario, tally)),
      runsPerSeed: RUNS_PER_SEED,
      isOver: () => isReplay || (tally.checked >= DELIVERIES && tally.runs >= RUNS),
    });
    console.info(`isolation, seed ${seed}: ${tally.inWords()}\n0 violations`);
    if (isReplay) return;
    expect(tally.checked).toBeGreaterThanOrEqual(DELIVERIES);
    expectVariety(tally);
  },
  LIMIT_MS,
);

/** What is wrong with a run. `leaked` and `stopped` are the words that test/seeded-faults looks for. */
function inWords({ stopped, leaks, problems }: Outcome): readonly string[] {
  const alarm = `${stopped} deliveries were stopped by the second check: the counter must be 0`;
  return [
    ...first(leaks.map((leak) => `leaked: ${leak}`)),
    ...(stopped > 0 ? [alarm] : []),
    ...first(problems),
  ];
}

/** One is enough to be wrong, and a few to see how. */
function first(lines: readonly string[]): readonly string[] {
  const left = lines.length - MAX_LINES;
  return left > 0 ? [...lines.slice(0, MAX_LINES), `and ${left} more`] : lines;
}
