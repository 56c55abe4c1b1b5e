// `npm run bench`: measures Trunkline's servers and their peers side by side.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isPinned } from '../test/lab/child.ts';
import { readOptions } from './options.ts';
import { type Conditions, conditionsNow, limitsText } from './report/conditions.ts';
import { writeReport } from './report/files.ts';
import { goalRows } from './report/goals.ts';
import { asText, rowsOf } from './report/table.ts';
import { type Run, runAll } from './rounds.ts';

/** What is kept of a run. */
interface Kept {
  readonly conditions: Conditions;
  readonly rounds: number;
  readonly slices: number;
  readonly runs: readonly Run[];
}

const results = new URL('results/', import.meta.url);
/** The last whole run: what the page, the plots and the README say. */
const latest = new URL('latest.json', import.meta.url);

const args = process.argv.slice(2);
const options = readOptions(args);
// As a server is run; some of them say or check more otherwise.
process.env['NODE_ENV'] = 'production';

if (options.isReport) await report(JSON.parse(await readFile(latest, 'utf8')) as Kept);
else await measure();

async function measure(): Promise<void> {
  if (!isPinned) console.log('Not pinned: server and load share the cores as the system likes.');
  const conditions = conditionsNow(args);
  const runs: Run[] = [];
  const { rounds, slices } = options;
  const kept: Kept = { conditions, rounds, slices, runs };
  const file = new URL(`${new Date().toISOString().replaceAll(/[:.]/g, '-')}.json`, results);
  await mkdir(results, { recursive: true });
  for await (const run of runAll(options)) {
    runs.push(run);
    console.error(progressOf(run));
    await writeFile(file, JSON.stringify(kept, null, 2));
  }
  print(runs);
  if (!options.isWhole) return;
  await writeFile(latest, `${JSON.stringify(kept, null, 1)}\n`);
  await report(kept);
}

async function report({ runs, ...kept }: Kept): Promise<void> {
  const peers = options.peers.filter(({ name }) => runs.some(({ peer }) => peer === name));
  await writeReport({ ...kept, runs, peers, scenarios: options.scenarios });
  console.log('docs/benchmarks.md, docs/bench.svg and docs/bench-size.svg are new');
}

function print(runs: readonly Run[]): void {
  for (const scenario of options.scenarios) {
    const rows = rowsOf(scenario, options.peers, runs);
    if (rows.length > 1) console.log(`\n${scenario.title} (${scenario.name})\n${asText(rows)}`);
  }
  const goals = goalRows(runs);
  if (goals.length > 1) console.log(`\ngoals\n${asText(goals)}`);
  console.log(`\n${limitsText()}`);
}

function progressOf({ round, slice, scenario, peer, measures }: Run): string {
  const figures = Object.entries(measures).map(
    ([name, value]) => `${name} ${value.toPrecision(3)}`,
  );
  return `${round}.${slice} ${scenario} ${peer}: ${figures.join(', ')}`;
}
