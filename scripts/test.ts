// `npm test`: every check of the repository, one line each; the last line is the result.
// `npm test -- --only unit packages/server` runs one stage, the words behind it are its filters.
import { killRunning } from './command.ts';
import { longStages, type Outcome, type Stage, stages } from './stages.ts';

const { chosen, filters } = readArguments(process.argv.slice(2));
const total = { passed: 0, failed: 0, skipped: 0 };
const notices: string[] = [];

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    killRunning();
    process.exit(130);
  });
}

for (const stage of chosen) {
  // oxlint-disable-next-line no-await-in-loop -- a later stage must not slow the tests' timing
  const outcome = await runStage(stage);
  total.passed += outcome.passed;
  total.failed += outcome.failed;
  total.skipped += outcome.skipped;
  notices.push(...(outcome.notices ?? []));
}

if (notices.length > 0) console.log(`\n${notices.join('\n')}`);
console.log(`\n${summary(total)}`);
process.exitCode = total.failed > 0 ? 1 : 0;

async function runStage(stage: Stage): Promise<Outcome> {
  const start = performance.now();
  if (process.stdout.isTTY) process.stdout.write(`… ${stage.name}`);
  const outcome = await attempt(stage);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const mark = outcome.failed > 0 ? '✗' : '✓';
  if (process.stdout.isTTY) process.stdout.write('\r');
  console.log(`${mark} ${stage.name.padEnd(9)} ${seconds.padStart(6)} s  ${details(outcome)}`);
  if (outcome.failed > 0) console.log(`\n${outcome.output.trim()}\n`);
  return outcome;
}

/** A stage that throws is a failure like any other: the later ones still run. */
async function attempt(stage: Stage): Promise<Outcome> {
  try {
    return await stage.run(filters);
  } catch (error) {
    return { passed: 0, failed: 1, skipped: 0, output: String(error) };
  }
}

function details(outcome: Outcome): string {
  const isGate = outcome.passed + outcome.failed + outcome.skipped === 1;
  return isGate ? '' : summary(outcome);
}

function summary({ passed, failed, skipped }: Omit<Outcome, 'output'>): string {
  const counted = `${passed} passed, ${failed} failed`;
  return skipped > 0 ? `${counted}, ${skipped} skipped` : counted;
}

function readArguments(args: readonly string[]): { chosen: readonly Stage[]; filters: string[] } {
  const [option, name, ...rest] = args;
  if (option === undefined) return { chosen: stages, filters: [] };
  const all = [...stages, ...longStages];
  const stage = all.find((candidate) => candidate.name === name);
  if (option === '--only' && stage) return { chosen: [stage], filters: rest };
  const names = all.map((candidate) => candidate.name).join(', ');
  console.error(`Usage: npm test -- [--only <stage> [filters …]]\nStages: ${names}`);
  process.exit(2);
}
