import { expect, test } from 'vitest';
import type { Violation } from '../../packages/server/test/model/checker.ts';
import { type Experiment, missesOf, resultOf, type Story } from './experiment.ts';
import { Histogram } from './histogram.ts';
import { pageOf } from './report.ts';
import type { Verdict } from './verdict.ts';

const lost: Violation = { invariant: 'I3', message: 'reader 7 lost p9' };

function verdictOf(deliveries: number, violations: readonly Violation[] = []): Verdict {
  return {
    violations,
    published: { accepted: 10, rejected: 0, unknown: 0 },
    clients: {
      outcomes: {},
      recovered: 3,
      gaps: 1,
      deliveries,
      latencies: new Histogram(),
      recoveries: new Histogram(),
      foreign: [],
    },
    convergenceMs: 5,
    nodes: [],
    ledgers: { tenantIds: [], published: [], compact: [], readers: () => [] },
  };
}

function story(changes: Partial<Story> = {}): Story {
  return {
    happened: 'It broke.',
    figures: { cuts: '3' },
    proofs: [{ what: 'a cable was cut', times: 3 }],
    verdicts: [verdictOf(100)],
    controls: [{ off: 'the fence', expected: 'I3', violations: [lost] }],
    misses: [],
    ...changes,
  };
}

const run = {
  effort: { scale: 1, seed: 5 },
  took: 12,
  on: { date: '2026-01-02', node: 'v24', cores: 2, load: 0.5 },
};
const experiment: Experiment = {
  name: 'T99',
  title: 'A cable',
  broken: 'a cable is cut',
  holds: 'nothing is lost',
  run: async () => story(),
};

test('what went well has no misses', () => {
  expect(missesOf(story())).toEqual([]);
});

test('what has not broken anything proves nothing', () => {
  expect(missesOf(story({ proofs: [{ what: 'a cable was cut', times: 0 }] }))).toEqual([
    'It did not happen, so nothing is proved: a cable was cut',
  ]);
  expect(missesOf(story({ proofs: [] }))).toEqual([
    'It does not say how it knows that anything was broken',
  ]);
  expect(missesOf(story({ verdicts: [verdictOf(0)] }))).toEqual([
    'Nothing was delivered, so nothing is proved',
  ]);
});

test('each violation is a miss', () => {
  expect(missesOf(story({ verdicts: [verdictOf(100, [lost])] }))).toEqual(['I3: reader 7 lost p9']);
  const many = Array.from({ length: 8 }, () => lost);
  expect(missesOf(story({ verdicts: [verdictOf(100, many)] })).at(-1)).toBe(
    'and 3 violations more',
  );
});

test('a negative control in which nothing is found is a miss', () => {
  const controls: Story['controls'] = [{ off: 'the fence', expected: 'I1', violations: [lost] }];
  expect(missesOf(story({ controls }))).toEqual([
    'With the fence, I1 should have been found: it was I3',
  ]);
});

test('the page says what was broken, what happened, and what was missed', () => {
  const good = resultOf(experiment, story(), run);
  const bad = resultOf(experiment, story({ misses: ['It took too long'] }), run);
  const page = pageOf([good, bad], ['T100']);
  expect(page).toContain(
    '| **T99** A cable | a cable is cut | It broke. | cuts: 3 | the fence: I3 × 1 |',
  );
  expect(page).toContain('It broke. **1 miss**');
  expect(page).toContain('- T99: It took too long');
  expect(page).toContain('200 deliveries of 0 publications');
  expect(page).toContain('Not played here: T100.');
  expect(page).toContain('seed 5');
});
