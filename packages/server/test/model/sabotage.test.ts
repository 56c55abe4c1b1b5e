import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Invariant } from './checker.ts';
import { markerOf } from './ledger.ts';
import { play } from './play.ts';
import { scenarios } from './scenario.ts';

/** A server that breaks a promise, as its clients see it: something is wrong in its frames. */
interface Sabotage {
  readonly name: string;
  readonly invariant: Invariant;
  /** Can it be done to this line? */
  readonly isDue: (line: string) => boolean;
  /** To every how many such lines is it done? */
  readonly every: number;
  /** What is sent in the line's place. */
  readonly spoil: (line: string) => readonly string[];
}

const isPush = (line: string) => line.startsWith('{"push"') && line.includes('"pub":');
const isGap = (line: string) =>
  line.includes('"was_recovering":true') && !line.includes('"recovered":true');

const sabotages: readonly Sabotage[] = [
  { name: 'a publication is swallowed', invariant: 'I3', isDue: isPush, every: 5, spoil: () => [] },
  {
    name: 'a publication comes twice',
    invariant: 'I4',
    isDue: isPush,
    every: 5,
    spoil: (line) => [line, line],
  },
  {
    name: 'an offset is wrong',
    invariant: 'I1',
    isDue: isPush,
    every: 5,
    spoil: (line) => [line.replace(/"offset":(\d+)/, (_, n) => `"offset":${Number(n) + 1}`)],
  },
  {
    name: 'a gap signal says nothing',
    invariant: 'I2',
    isDue: isGap,
    every: 1,
    spoil: (line) => [
      line.replaceAll('"was_recovering":true,', '').replaceAll(',"was_recovering":true', ''),
    ],
  },
  {
    name: 'a gap signal says that all was recovered',
    invariant: 'I2',
    isDue: isGap,
    every: 1,
    spoil: (line) => [
      line.replaceAll('"was_recovering":true', '"was_recovering":true,"recovered":true'),
    ],
  },
  {
    name: "another tenant's text is in the bytes",
    invariant: 'I6',
    isDue: isPush,
    every: 5,
    spoil: (line) => [line.replace(markerOf('acme'), markerOf('acme-eu'))],
  },
];

/** Does what the sabotage does. */
function tamperWith({ isDue, every, spoil }: Sabotage): (frame: string) => string {
  let count = 0;
  const tamper = (line: string) => {
    if (!isDue(line)) return [line];
    count += 1;
    return count % every === 0 ? spoil(line) : [line];
  };
  return (frame) => frame.split('\n').flatMap(tamper).join('\n');
}

test.each(sabotages)('$name on the wire: the model finds $invariant', async (sabotage) => {
  const found = new Set<string>();
  for (const scenario of fc.sample(scenarios(200), { seed: 1, numRuns: 10 })) {
    const { violations } = await play(scenario, { engine: 'slow', tamper: tamperWith(sabotage) });
    for (const violation of violations) found.add(violation.slice(0, 2));
  }
  expect([...found]).toContain(sabotage.invariant);
});
