import { cpus, loadavg } from 'node:os';
import { type Effort, type Experiment, type Result, resultOf, type Story } from './experiment.ts';
import { MissingServerError } from './lab.ts';

/** Plays one experiment. One that breaks off is a miss; rejects with `MissingServerError`. */
export async function play(experiment: Experiment, effort: Effort): Promise<Result> {
  const begin = performance.now();
  const on = {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cores: cpus().length,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
  const story = await experiment.run(effort).catch(brokenOff);
  return resultOf(experiment, story, { effort, on, took: (performance.now() - begin) / 1_000 });
}

function brokenOff(error: Error): Story {
  if (error instanceof MissingServerError) throw error;
  console.error(error);
  return {
    happened: 'It broke off.',
    figures: {},
    proofs: [],
    verdicts: [],
    controls: [],
    // The first line: behind it may stand where the machine has its files.
    misses: [`It broke off: ${error.message.split('\n', 1)[0]}`],
  };
}
