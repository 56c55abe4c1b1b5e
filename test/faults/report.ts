import type { Invariant } from '../../packages/server/test/model/checker.ts';
import { count } from '../lab/report.ts';
import type { Result } from './experiment.ts';

const introduction = `What happens to Trunkline when each part of it breaks. Nodes are processes of their own, which are killed, frozen,
blocked and drained; between clients, nodes and Redis there are proxies that reset, delay, throttle, chop, swallow
and spoil what goes through; Redis is killed, frozen, emptied, restored and failed over. Publishers and clients put
down what they did and were told, and a checker that knows nothing of how it came about holds the ledgers against
each other. *Negative controls* switch a protection off: the checker must find what it protects from. An experiment
in which nothing was broken counts as a miss.

\`npm run test:faults\` plays all of it and writes this page from the last run of each, \`npm run test:faults -- T19 T20\`
some of it, \`--seed N\` with other random numbers, \`--quick\` at small sizes (which are not written down).`;

const invariants: Readonly<Record<Invariant, string>> = {
  I1: 'a place in a stream holds one publication, whoever looks',
  I2: 'between gap signals, offsets go up one by one',
  I3: 'between gap signals, everything that was acknowledged is there',
  I4: 'nothing comes twice',
  I5: 'nothing comes that was not published, or that was rejected',
  I6: 'no byte of another tenant',
  I7: 'when the fault is over, every subscriber comes to the top within 35 s',
  I8: 'when all have left, nothing is left of them; no error that nobody caught',
  P1: 'offsets follow the order of the calls',
};

/** The whole page. */
export function pageOf(results: readonly Result[], missing: readonly string[]): string {
  const parts = [
    '# The fault lab',
    '<!-- Written by `npm run test:faults`: changes by hand are lost. -->',
    introduction,
    conditionsText(results),
    ...(missing.length > 0 ? [`Not played here: ${missing.join(', ')}.`] : []),
    '## What was broken, and what happened',
    table(
      ['', 'we broke it this way', 'this happened', 'figures', 'negative control'],
      results.map(rowOf),
    ),
    '## What was checked',
    invariantTable(results),
    '## Misses',
    missesText(results),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** One result, for who waits for it. */
export function resultText(result: Result): string {
  const { name, title, broken, happened, figures, controls, misses } = result;
  return [
    `${name} ${title} (seed ${result.effort.seed}, ${result.took.toFixed(0)} s)`,
    `  broken: ${broken}`,
    `  happened: ${happened}`,
    ...Object.entries(figures).map(([what, figure]) => `  ${what}: ${figure}`),
    `  checked: ${checkedText(result)}`,
    ...controls.map((control) => `  control: ${control}`),
    ...(misses.length > 0 ? misses.map((miss) => `  MISS ${miss}`) : ['  no misses']),
  ].join('\n');
}

function rowOf(result: Result): string[] {
  const { name, title, broken, happened, figures, controls, misses } = result;
  const list = Object.entries(figures).map(([what, figure]) => `${what}: ${figure}`);
  return [
    `**${name}** ${title}`,
    broken,
    `${happened}${missed(misses.length)}`,
    list.join('; '),
    controls.join('; ') || '—',
  ];
}

function checkedText({ published, deliveries, recovered, gaps, violations }: Result): string {
  const found = Object.entries(violations).map(([invariant, times]) => `${invariant} × ${times}`);
  return (
    `${count(published)} published, ${count(deliveries)} deliveries, ${count(recovered)} recovered, ` +
    `${count(gaps)} gap signals; violations: ${found.join(', ') || 'none'}`
  );
}

function invariantTable(results: readonly Result[]): string {
  const sum = (of: (result: Result) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const checked =
    `${count(sum(({ deliveries }) => deliveries))} deliveries of ` +
    `${count(sum(({ published }) => published))} publications, with ` +
    `${count(sum(({ recovered }) => recovered))} recovered subscriptions and ` +
    `${count(sum(({ gaps }) => gaps))} gap signals, were held against the promises:`;
  const rows = Object.entries(invariants).map(([invariant, what]) => [
    invariant,
    what,
    count(sum(({ violations }) => violations[invariant as Invariant] ?? 0)),
  ]);
  return `${checked}\n\n${table(['', 'promise', 'violations'], rows)}`;
}

function missed(times: number): string {
  if (times === 0) return '';
  return times === 1 ? ' **1 miss**' : ` **${times} misses**`;
}

function missesText(results: readonly Result[]): string {
  const misses = results.flatMap(({ name, misses: list }) =>
    list.map((miss) => `- ${name}: ${miss}`),
  );
  return misses.join('\n') || 'None.';
}

function conditionsText(results: readonly Result[]): string {
  const dates = [...new Set(results.map(({ on }) => on.date))].toSorted();
  const seeds = [...new Set(results.map(({ effort }) => effort.seed))].toSorted((a, b) => a - b);
  const [first] = results;
  const when = dates.length > 1 ? `from ${dates[0]} to ${dates.at(-1)}` : `on ${dates[0]}`;
  return (
    `Played ${when} with Node.js ${first?.on.node} on a machine with ${first?.on.cores} cores, which ` +
    `nodes, clients, proxies and Redis share; load before each ${loads(results)}; seed ${seeds.join(', ')}.`
  );
}

function loads(results: readonly Result[]): string {
  const all = results.map(({ on }) => on.load).toSorted((a, b) => a - b);
  return `${all[0]?.toFixed(1)} to ${all.at(-1)?.toFixed(1)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
