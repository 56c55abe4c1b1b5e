import fc from 'fast-check';

/** How long what was found is cut down to what it needs, milliseconds. */
export const SHRINK_MS = 60_000;

const givenSeed = process.env['TRUNKLINE_SEED'];

/** Is one seed to be played again, and nothing else? */
export const isReplay: boolean = givenSeed !== undefined;

/** The tier of each night takes its time. */
export const isNightly: boolean = process.env['TRUNKLINE_TIER'] === 'nightly';

/** With a fault in place it is enough that it was found. */
const isSabotaged = process.env['TRUNKLINE_FAULT'] !== undefined;

/** A search for a scenario that something is wrong with. */
export interface Search<S> {
  /** What is searched, for the message. */
  readonly name: string;
  readonly scenarios: fc.Arbitrary<S>;
  /** What is wrong with what a scenario came to. */
  readonly play: (scenario: S) => Promise<readonly string[]>;
  /** So many are played of one seed, and again to get to the one that failed. */
  readonly runsPerSeed: number;
  /** Asked after the runs of each seed. */
  readonly isOver: () => boolean;
}

/** The seed to begin with: the given one, or one that nobody has chosen. */
export function firstSeed(): number {
  return givenSeed === undefined ? Date.now() % 1_000_000_000 : Number(givenSeed);
}

/**
 * Plays scenarios until it is over, a seed for each few. Throws at the first that something is wrong with,
 * cut down to what it needs, and says how to play it again.
 */
export async function search<S>(seed: number, each: Search<S>): Promise<void> {
  for (let next = seed; next === seed || !each.isOver(); next += 1) {
    const { runsPerSeed: numRuns } = each;
    await fc.assert(judged(next, each), { seed: next, numRuns, endOnFailure: isSabotaged });
  }
}

function judged<S>(seed: number, { name, scenarios, play }: Search<S>) {
  let shrinksUntil = Infinity;
  return fc.asyncProperty(scenarios, async (scenario) => {
    if (performance.now() > shrinksUntil) return;
    const violations = await play(scenario);
    if (violations.length === 0) return;
    shrinksUntil = Math.min(shrinksUntil, performance.now() + SHRINK_MS);
    throw new Error([`${name}, replay with TRUNKLINE_SEED=${seed}:`, ...violations].join('\n'));
  });
}
