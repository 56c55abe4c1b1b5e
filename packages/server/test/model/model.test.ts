import fc from 'fast-check';
import { expect, test } from 'vitest';
import { play } from './play.ts';
import { scenarios } from './scenario.ts';
import { Tally } from './tally.ts';
import { type Engine, worldLimits } from './world.ts';

const STEPS = 200;
/** Runs of one seed: so many are played again to get to the one that failed. */
const RUNS_PER_SEED = 20;
const NIGHTLY_RUNS = 2_000;
/** How long the tier of every day looks for something, for each engine. */
const DAILY_MS = 25_000;
/** How long what was found is cut down to what it needs. */
const SHRINK_MS = 60_000;

const isNightly = process.env['TRUNKLINE_TIER'] === 'nightly';
const givenSeed = process.env['TRUNKLINE_SEED'];

/** Plays scenarios until the tier's measure is full, a seed for each few; throws at a violation. */
async function search(engine: Engine, firstSeed: number): Promise<Tally> {
  const tally = new Tally();
  const endsAt = performance.now() + DAILY_MS;
  const isOver = () => {
    if (givenSeed !== undefined) return tally.runs > 0;
    return isNightly ? tally.runs >= NIGHTLY_RUNS : performance.now() >= endsAt;
  };
  for (let seed = firstSeed; !isOver(); seed += 1) {
    await fc.assert(judged(engine, seed, tally), { seed, numRuns: RUNS_PER_SEED });
  }
  return tally;
}

function judged(engine: Engine, seed: number, tally: Tally) {
  let shrinksUntil = Infinity;
  return fc.asyncProperty(scenarios(STEPS), async (scenario) => {
    if (performance.now() > shrinksUntil) return;
    const outcome = await play(scenario, { engine });
    tally.add(outcome);
    if (outcome.violations.length === 0) return;
    shrinksUntil = Math.min(shrinksUntil, performance.now() + SHRINK_MS);
    const replay = `replay with TRUNKLINE_SEED=${seed}`;
    throw new Error([`${engine}, ${replay}:`, ...outcome.violations].join('\n'));
  });
}

test.each<Engine>(['memory', 'slow'])(
  'on the %s broker everybody gets each publication of their channels once and in order, or a gap signal, and nothing else',
  async (engine) => {
    const seed = givenSeed === undefined ? Date.now() % 1_000_000_000 : Number(givenSeed);
    const setup = `${STEPS} steps each, limits ${JSON.stringify(worldLimits)}`;
    console.info(`model on ${engine}, seed ${seed}, ${setup}`);
    const tally = await search(engine, seed);
    console.info(`model on ${engine}, seed ${seed}: ${tally.inWords()}; 0 violations`);
    expect(tally.runs).toBeGreaterThan(0);
    if (givenSeed === undefined) expectVariety(tally);
  },
  isNightly ? 3_600_000 : DAILY_MS + 2 * SHRINK_MS,
);

/** Nothing of it was vacuous. */
function expectVariety(tally: Tally): void {
  const perRun = (count: number) => count / tally.runs;
  expect(perRun(tally.deliveries)).toBeGreaterThan(50);
  expect(perRun(tally.recoveries)).toBeGreaterThan(10);
  expect(perRun(tally.gaps)).toBeGreaterThan(1);
  expect(perRun(tally.refused(103))).toBeGreaterThan(1); // forbidden rooms
  expect(perRun(tally.closed(3005))).toBeGreaterThan(0.5); // expired
  expect(tally.refused(109)).toBeGreaterThan(0); // back with the old token
  expect(tally.closed(3008)).toBeGreaterThan(0); // slow
  expect(tally.closed(3010)).toBeGreaterThan(0); // lost its place
  expect(tally.closed(3012)).toBeGreaterThan(0); // no pong
  expect(tally.counted('conflated')).toBeGreaterThan(0);
  expect(tally.exceeded('publishesPerSecond')).toBeGreaterThan(0);
  expect(tally.exceeded('maxFanOutBacklogBytes')).toBeGreaterThan(0);
}
