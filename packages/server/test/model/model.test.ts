import { expect, test } from 'vitest';
import { play } from './play.ts';
import { scenarios } from './scenario.ts';
import { firstSeed, isNightly, isReplay, SHRINK_MS, search } from './search.ts';
import { Tally } from './tally.ts';
import { type Engine, worldLimits } from './world.ts';

const STEPS = 200;
const RUNS_PER_SEED = 20;
const NIGHTLY_RUNS = 2_000;
/** How long the tier of every day looks for something, for each engine. */
const DAILY_MS = 15_000;

test.each<Engine>(['memory', 'slow'])(
  'on the %s broker everybody gets each publication of their channels once and in order, or a gap signal, and nothing else',
  async (engine) => {
    const seed = firstSeed();
    const setup = `${STEPS} steps each, limits ${JSON.stringify(worldLimits)}`;
    console.info(`model on ${engine}, seed ${seed}, ${setup}`);
    const tally = await playUntilOver(engine, seed);
    console.info(`model on ${engine}, seed ${seed}: ${tally.inWords()}; 0 violations`);
    expect(tally.runs).toBeGreaterThan(0);
    if (!isReplay) expectVariety(tally);
  },
  isNightly ? 3_600_000 : DAILY_MS + 2 * SHRINK_MS,
);

/** Plays scenarios until the tier's measure is full. */
async function playUntilOver(engine: Engine, seed: number): Promise<Tally> {
  const tally = new Tally();
  const endsAt = performance.now() + DAILY_MS;
  await search(seed, {
    name: engine,
    scenarios: scenarios(STEPS),
    play: async (scenario) => {
      const outcome = await play(scenario, { engine });
      tally.add(outcome);
      return outcome.violations;
    },
    runsPerSeed: RUNS_PER_SEED,
    isOver: () =>
      isReplay || (isNightly ? tally.runs >= NIGHTLY_RUNS : performance.now() >= endsAt),
  });
  return tally;
}

/** Nothing of it was vacuous. */
function expectVariety(tally: Tally): void {
  const perRun = (count: number) => count / tally.runs;
  expect(perRun(tally.deliveries)).toBeGreaterThan(50);
  expect(perRun(tally.volatiles)).toBeGreaterThan(5);
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
