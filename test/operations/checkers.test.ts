import { expect, test } from 'vitest';
import { type Entry, endsOf, offencesOf } from '../lab/operations/history.ts';
import { regressionOf, type View, Witness } from '../lab/operations/witness.ts';

// Who looks at the operations of the lab must see what is wrong, or nothing that they say is worth anything.

const view: View = { id: 'a', state: 'running', attempt: 1, seq: 5, percentage: 50 };
const entry: Entry = { id: 'a', seq: 5, attempt: 1, state: 'running', isDurable: false, at: 0 };

test.each([
  ['a lower seq', { seq: 4 }, 'seq went back'],
  ['a lower percentage', { seq: 6, percentage: 49 }, 'percentage went back'],
  ['no percentage any more', { seq: 6, percentage: 0 }, 'percentage went back'],
  ['an earlier state', { seq: 6, state: 'queued' }, 'the state went back'],
  ['an earlier attempt', { seq: 6, attempt: 0 }, 'the attempt went back'],
] as const)('a witness sees %s', (_, change, said) => {
  expect(regressionOf(view, { ...view, ...change })).toContain(said);
});

test.each([
  ['a second end', 'succeeded', 'failed', 'a second end'],
  ['running again in the same attempt', 'succeeded', 'running', 'the state went back'],
  ['running again after a crash in the same attempt', 'crashed', 'running', 'the state went back'],
] as const)('a witness sees %s', (_, before, after, said) => {
  const next = { ...view, state: after, seq: 6 } as const;
  expect(regressionOf({ ...view, state: before }, next)).toContain(said);
});

test('a witness lets pass what may happen', () => {
  const steps: View[] = [
    { ...view, state: 'queued', seq: 1, percentage: 0 },
    view,
    { ...view, state: 'cancelling', seq: 6 },
    { ...view, seq: 7, percentage: 80 },
    { ...view, state: 'crashed', seq: 8, percentage: 80 },
    { ...view, state: 'succeeded', seq: 9, percentage: 100 },
  ];
  const witness = new Witness();
  for (const step of steps) witness.see(step, 0);
  witness.see({ ...view, attempt: 2, seq: 10, percentage: 0 }, 0);
  expect(witness.regressions).toEqual([]);
  expect(witness.views).toBe(7);
});

test.each([
  ['an update without a new seq', { state: 'succeeded' }, 'no new seq'],
  ['a lower seq', { seq: 4 }, 'seq went back'],
  ['two attempts at once', { seq: 6, attempt: 3 }, 'attempt 1 → running, attempt 3'],
  ['an attempt that begins with its end', { seq: 6, attempt: 2, state: 'failed' }, '→ failed'],
  ['a way back', { seq: 6, state: 'queued' }, 'running, attempt 1 → queued'],
] as const)('the history shows %s', (_, change, said) => {
  const [offence = ''] = offencesOf([entry, { ...entry, ...change }]);
  expect(offence).toContain(said);
});

test.each(['succeeded', 'failed', 'cancelled'] as const)(
  'the history shows that a %s one went on',
  (state) => {
    const history: Entry[] = [
      { ...entry, state },
      { ...entry, seq: 6, state: 'crashed' },
    ];
    expect(offencesOf(history)).toHaveLength(1);
    expect(endsOf(history).get('a 1')).toEqual([state, 'crashed']);
  },
);

test('the history lets pass what may happen', () => {
  const history: Entry[] = [
    { ...entry, seq: 1, state: 'queued' },
    { ...entry, seq: 2 },
    { ...entry, seq: 5 },
    { ...entry, seq: 6, state: 'queued', attempt: 2 },
    { ...entry, seq: 7, attempt: 2 },
    { ...entry, seq: 8, state: 'crashed', attempt: 2 },
    { ...entry, seq: 8, state: 'crashed', attempt: 2 },
    { ...entry, seq: 9, state: 'succeeded', attempt: 2 },
  ];
  expect(offencesOf(history)).toEqual([]);
});
