import { readFileSync } from 'node:fs';
import type { Rows } from './table.ts';

/** What is used here of a CPU profile. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 20;
/** Waiting, and what the kernel does on its behalf outside any function. */
const NOT_WORK = '(idle)';

/** The functions in which most time was spent, callees not included. */
export function hottest(file: string): Rows {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const name = names.get(id) ?? '';
    if (name !== NOT_WORK)
      spent.set(name, (spent.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  const total = [...spent.values()].reduce((sum, time) => sum + time, 0);
  const rows = [...spent].toSorted(([, a], [, b]) => b - a).slice(0, SHOWN);
  return [
    ['function', '% of its time'],
    ...rows.map(([name, time]) => [name, ((100 * time) / total).toFixed(1)]),
  ];
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const place = url.split('/').slice(-3).join('/');
  const name = functionName || '(anonymous)';
  return place ? `${name} ${place}:${lineNumber + 1}` : name;
}
