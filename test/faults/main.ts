// `npm run test:faults`: breaks each part of a system of nodes, and writes what came of it into docs.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { Experiment, Result } from './experiment.ts';
import { experiments } from './experiments.ts';
import { MissingServerError } from './lab.ts';
import { play } from './play.ts';
import { pageOf, resultText } from './report.ts';

const QUICK = 0.1;
/** Twenty seeds of T2, for example. */
const NIGHTLY = 2;
const cache = new URL('../../node_modules/.cache/trunkline-faults/', import.meta.url);
const page = new URL('../../docs/fault-lab.md', import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    nightly: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    /** Writes the page from the last run of each, and plays nothing. */
    page: { type: 'boolean', default: false },
  },
});
const full = values.nightly ? NIGHTLY : 1;
const effort = { scale: values.quick ? QUICK : full, seed: Number(values.seed) };

await mkdir(cache, { recursive: true });
const misses = values.page ? 0 : await playAll(chosen(positionals));
if (!values.quick) await writePage();
process.exitCode = misses > 0 ? 1 : 0;

function chosen(names: readonly string[]): readonly Experiment[] {
  const unknown = names.filter((name) => !experiments.some((each) => each.name === name));
  if (unknown.length > 0) {
    const known = experiments.map(({ name }) => name).join(', ');
    throw new Error(`There is no experiment ${unknown.join(', ')}: there are ${known}`);
  }
  return names.length === 0 ? experiments : experiments.filter(({ name }) => names.includes(name));
}

/** One after the other: each needs the whole machine. Gives how much was missed. */
async function playAll(list: readonly Experiment[]): Promise<number> {
  let missed = 0;
  for (const experiment of list) {
    console.log(`${experiment.name} ${experiment.title}, seed ${effort.seed} …`);
    // oxlint-disable-next-line no-await-in-loop -- see above
    const result = await played(experiment);
    if (!result) continue;
    missed += result.misses.length;
    console.log(`${resultText(result)}\n`);
    // oxlint-disable-next-line no-await-in-loop -- what was played is kept, whatever comes next
    if (!values.quick) await writeFile(fileOf(experiment), JSON.stringify(result, null, 2));
  }
  return missed;
}

/** `null`: what it needs is not on this machine. */
async function played(experiment: Experiment): Promise<Result | null> {
  try {
    return await play(experiment, effort);
  } catch (error) {
    if (!(error instanceof MissingServerError)) throw error;
    console.log(`${experiment.name} is not played: ${error.message}\n`);
    return null;
  }
}

async function writePage(): Promise<void> {
  const results = await Promise.all(experiments.map(lastResult));
  const known = results.filter((result) => result !== null);
  const missing = experiments.filter((_, index) => results[index] === null).map(({ name }) => name);
  if (known.length === 0) return;
  await writeFile(page, pageOf(known, missing));
  console.log('docs/fault-lab.md is new');
}

async function lastResult(experiment: Experiment): Promise<Result | null> {
  try {
    return JSON.parse(await readFile(fileOf(experiment), 'utf8')) as Result;
  } catch {
    return null;
  }
}

function fileOf({ name }: Experiment): URL {
  return new URL(`${name}.json`, cache);
}
