import { count, mib, ms, type Section, tally } from '../report.ts';
import type { FlappingStory } from './flapping.ts';

/** A run with flapping pages, in words. */
export interface NamedFlapping {
  readonly name: string;
  readonly story: FlappingStory;
}

/** Flapping pages as a table. */
export function flappingSection(runs: readonly NamedFlapping[]): Section {
  const [first] = runs;
  const { tenants, users, sharedOf } = first?.story.plan ?? { tenants: 0, users: 0, sharedOf: 0 };
  return {
    title: 'Everybody’s connection breaks (T30)',
    text:
      `Operations of ${tenants} tenants with ${users} users each, all at once; one of ${sharedOf} is for the ` +
      'whole tenant and one for its clerks. Each user has two pages, and every connection ends with a TCP ' +
      'reset at a random moment; the pages are real clients, in processes of their own. Some operations are ' +
      'cancelled from a page of the owner, whenever that has a connection, and again when the answer got ' +
      'lost: what has worked already is refused with 409. *Told* is what the work said, ' +
      '*published* what the engine made of it (at most four updates a second of each operation), ' +
      '*deliveries* how often single pages were sent one, recoveries not counted. The statements are the ' +
      'engine’s, for everything that pages ask included, without the inserts of the operations. Checked: in ' +
      'the end every page shows what the store has for it, nothing has gone back on any page, and of each ' +
      'operation that ended its owner has a toast that says how; *told twice* are those of which both pages ' +
      'have one, because one of them was away for longer than tabs wait for one another (5 s).',
    head: [
      'what',
      'reconnects; gaps',
      'ended; cancels',
      'told; published; deliveries, per second',
      'statements per operation; per second; a write of progress: p50, p99',
      'CPU, memory of the server',
      'compared; equal after; told twice',
    ],
    rows: runs.map(rowOf),
    misses: runs.flatMap(({ name, story }) => story.misses.map((miss) => `${name}: ${miss}`)),
  };
}

function used(kinds: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(kinds).filter(([, times]) => times > 0));
}

function rowOf({ name, story }: NamedFlapping): string[] {
  const { plan, spent, seconds, seen, compared, settledMs, toldTwice } = story;
  const rate = (number: number) => count(number / seconds);
  return [
    `${name}: ${count(plan.operations)} operations × ${plan.steps} events, ${count(story.pages)} pages`,
    `${count(spent.connectionsOpened)}; ${count(seen.gaps)}`,
    `${tally(story.states)}; ${tally(story.cancels)}`,
    `${rate(spent.events)}; ${rate(spent.published)}; ${rate(spent.deliveries)}`,
    `${(spent.statements / plan.operations).toFixed(1)} (${tally(used(spent.kinds))}); ${rate(spent.statements)}, ${rate(spent.writes)} of them writes; ${spent.progressMs.map(ms).join(', ')}`,
    `${(spent.cpuMs / seconds / 10).toFixed(0)} % of a core, ${mib(spent.rssBytes)}`,
    `${count(compared)}; ${ms(settledMs)}; ${count(toldTwice)}`,
  ];
}
