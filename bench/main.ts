// `npm run bench`: measures Trunkline's servers and their peers side by side.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { isPinned } from '../test/lab/child.ts';
import { readOptions } from './options.ts';
import { type Conditions, conditionsNow, limitsText } from './report/conditions.ts';
import { writeReport } from './report/files.ts';
import { goalRows } from './report/goals.ts';
import type { Measured } from './report/page.ts';
import { asText, rowsOf } from './report/table.ts';
import { type Run, runAll } from './rounds.ts';
import { clusterSuite, type Suite, serverSuite } from './suites.ts';

/** What is kept of a run. */
interface Kept {
  readonly conditions: Conditions;
  readonly rounds: number;
  readonly slices: number;
  readonly runs: readonly Run[];
}

const results = new URL('results/', import.meta.url);

const args = process.argv.slice(2);
const options = readOptions(args);
// As a server is run; some of them say or check more otherwise.
process.env['NODE_ENV'] = 'production';

if (options.isReport) await report();
else await measure();

async function measure(): Promise<void> {
  if (!isPinned) console.log('Not pinned: server and load share the cores as the system likes.');
  const { suite, rounds, slices } = options;
  const conditions = conditionsNow(args, suite.parts);
  const runs: Run[] = [];
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
  await writeFile(suite.latest, `${JSON.stringify(kept, null, 1)}\n`);
  await report();
}

/** The page is about both: each command renews its part. */
async function report(): Promise<void> {
  const [servers, cluster] = await Promise.all([serverSuite, clusterSuite].map(lastOf));
  if (!servers) throw new Error('Nothing is to be reported before `npm run bench` has run');
  await writeReport(servers, cluster ?? null);
  console.log('docs/benchmarks.md, docs/bench.svg and docs/bench-size.svg are new');
}

/** What its last whole run has measured; `null`: there is none. */
async function lastOf({ latest, scenarios, peers, bases }: Suite): Promise<Measured | null> {
  const text = await readFile(latest, 'utf8').catch(() => null);
  if (text === null) return null;
  const kept = JSON.parse(text) as Kept;
  const present = peers.filter(({ name }) => kept.runs.some(({ peer }) => peer === name));
  return { ...kept, scenarios, peers: present, bases };
}

function print(runs: readonly Run[]): void {
  const { suite, peers } = options;
  for (const scenario of options.scenarios) {
    const rows = rowsOf(scenario, { peers, runs, bases: suite.bases });
    if (rows.length > 1) console.log(`\n${scenario.title} (${scenario.name})\n${asText(rows)}`);
  }
  const goals = goalRows(runs);
  if (goals.length > 1) console.log(`\ngoals\n${asText(goals)}`);
  console.log(`\n${limitsText()}`);
}

function progressOf({ round, slice, scenario, peer, measures }: Run): string {
  const { commands, ...figures } = measures;
  const all = [...Object.entries(figures), ...Object.entries(commands ?? {})];
  const texts = all.map(([name, value]) => `${name} ${value.toPrecision(3)}`);
  return `${round}.${slice} ${scenario} ${peer}: ${texts.join(', ')}`;
}
