import { count, ms, type Section } from '../report.ts';
import { quantile } from '../stall-meter.ts';
import type { CrashStory } from './crash.ts';

/** What dies, in words, and what became of it. */
export interface NamedCrash {
  readonly name: string;
  readonly story: CrashStory;
}

/** Deaths of servers as a table. */
export function crashSection(crashes: readonly NamedCrash[]): Section {
  return {
    title: 'The server dies (T27)',
    text:
      '`kill -9` of a server that runs operations, every other one of them durable (pg-boss), when they have ' +
      'come to 60 % on average; the owners have two tabs each, and others look at what is for the tenant and ' +
      'its clerks. The pages are real clients, which reconnect by themselves. *Heard of* is the time from the ' +
      'kill until a page showed it, for every page and operation: promised 45 s with the default lease of ' +
      '30 s, which is renewed every 10 s and looked at every 5 s, so that it depends on the moment. Checked: the durable ones succeed in attempt 2, the others are crashed; each attempt ends once, ' +
      'by a trigger on the table; nothing goes back on any page, in any turn; each page shows in the end what ' +
      'the store has; of each operation its owner has one toast, on one of the tabs; no event is published ' +
      'whose update another connection cannot read; each crashed one has a toast with Retry, which is pressed, ' +
      'and all succeed in attempt 2.',
    head: [
      'what dies',
      'operations; pages',
      '`crashed` heard of: p50, p99, longest',
      'durable, next attempt heard of: p50, p99, longest',
      'tried again, succeeded',
      'views; compared with the store',
      'events looked at',
    ],
    rows: crashes.map(rowOf),
    misses: crashes.flatMap(({ name, story }) => story.misses.map((miss) => `${name}: ${miss}`)),
  };
}

function rowOf({ name, story }: NamedCrash): string[] {
  const { plan, pages, crashed, durable, crashedMs, queuedMs, retried, rowChecks } = story;
  return [
    `${name}, at ${story.killedAt.toFixed(0)} %`,
    `${count(plan.operations)}, ${count(durable)} of them durable; ${count(pages)}`,
    delays(crashedMs),
    delays(queuedMs),
    `${count(retried)} of ${count(crashed)}`,
    `${count(story.views)}; ${count(story.compared)}`,
    count(rowChecks),
  ];
}

function delays(sorted: readonly number[]): string {
  if (sorted.length === 0) return '–';
  return [quantile(sorted, 0.5), quantile(sorted, 0.99), sorted.at(-1) ?? 0].map(ms).join(', ');
}
