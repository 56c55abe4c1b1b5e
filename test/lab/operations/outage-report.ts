import { count, ms, type Section, tally } from '../report.ts';
import type { OutageStory } from './outage.ts';
import type { Moment, RunOutcome } from './runs.ts';

const MOMENTS: Readonly<Record<Moment, string>> = {
  'before-insert': 'before its row is written',
  'answer-lost': 'when its row is written, and the answer lost',
  'behind-insert': 'behind its row, before its first event',
  'in-progress': 'during progress',
  'before-end': 'before its end is written',
  anywhere: '–',
  failing: '–; work that fails',
};

/** Outages as a table. */
export function outageSection(stories: readonly OutageStory[]): Section {
  return {
    title: 'The broker or the database is away (T28)',
    text:
      'Calls of `operations.run`, each held at a statement until the database is away: killed and started ' +
      'again at once, not answering for a while (SIGSTOP), or refusing connections for a while; and the same ' +
      'without holding, with a broker that refuses or does not answer. Work that has begun must succeed, and ' +
      'its caller get the result within 2 s of its end; a call that cannot begin must get an ' +
      '`OperationStoreError` within 10 s, and leave nothing behind, or, where the row was written and the ' +
      'answer lost, an operation that is told as crashed within 45 s. As many durable operations (pg-boss) as ' +
      'are held at each statement are under way all the time, and must succeed in their first attempt. Checked: no page ever shows a false ' +
      'end; after the recovery the store and every page have every success; each attempt ends once; no ' +
      'event is published whose update another connection cannot read.',
    head: [
      'what is away',
      'a call is held',
      'calls; what the caller got',
      'from the end of its work, or from when it was let go, to the caller: at most',
      'on all pages after the recovery',
    ],
    rows: stories.flatMap(rowsOf),
    misses: stories.flatMap(({ plan, misses }) => misses.map((miss) => `${nameOf(plan)}: ${miss}`)),
  };
}

function rowsOf({ plan, outcomes, shownMs }: OutageStory): string[][] {
  const byMoment = Map.groupBy(outcomes, ({ moment }) => moment);
  return [...byMoment].map(([moment, some]) => [
    nameOf(plan),
    MOMENTS[moment],
    `${count(some.length)}: ${tally(tallyOf(some))}`,
    ms(Math.max(...some.map(({ lateMs }) => lateMs))),
    ms(shownMs),
  ]);
}

function nameOf({ outage, awayMs }: OutageStory['plan']): string {
  return awayMs === 0 ? `${outage}, and starts again` : `${outage} for ${ms(awayMs)}`;
}

function tallyOf(outcomes: readonly RunOutcome[]): Record<string, number> {
  const groups = Map.groupBy(outcomes, ({ got }) => got.split(':')[0] ?? got);
  return Object.fromEntries([...groups].map(([word, { length }]) => [word, length]));
}
