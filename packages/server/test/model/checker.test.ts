import fc from 'fast-check';
import { expect, test } from 'vitest';
import { check, type Invariant } from './checker.ts';
import { defects } from './defects.ts';
import { idealHistories } from './ideal-history.ts';
import type { History } from './ledger.ts';
import { play } from './play.ts';
import { scenarios } from './scenario.ts';

const invariantsOf = (history: History): Invariant[] =>
  check(history).map(({ invariant }) => invariant);

/** What real runs of the model left: the node, its broker and stock clients. */
async function record(): Promise<History[]> {
  const histories: History[] = [];
  for (const scenario of fc.sample(scenarios(200), { seed: 7, numRuns: 8 })) {
    histories.push((await play(scenario, { engine: 'memory' })).history);
  }
  return histories;
}

test('a history without a fault has no violation', () => {
  fc.assert(
    fc.property(idealHistories, (history) => {
      expect(check(history)).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});

test.each(defects)('$name: $invariant, in any history', ({ invariant, variants }) => {
  const property = fc.property(idealHistories, fc.nat(), (history, at) => {
    const all = variants(history);
    fc.pre(all.length > 0); // A history without a place for it counts for nothing.
    expect(invariantsOf(all[at % all.length]())).toContain(invariant);
  });
  fc.assert(property, { numRuns: 150 });
});

test('in the histories of real runs each defect is found, wherever it is', async () => {
  const histories = await record();
  expect(histories.flatMap((history) => check(history))).toEqual([]);
  for (const { name, invariant, variants } of defects) {
    const all = histories.flatMap((history) => variants(history));
    const missed = all.filter((variant) => !invariantsOf(variant()).includes(invariant));
    expect({ name, missed: missed.length }).toEqual({ name, missed: 0 });
    expect({ name, isSeeded: all.length > 0 }).toEqual({ name, isSeeded: true });
  }
});
