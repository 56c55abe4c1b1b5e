import { readdirSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { type Fault, faults } from '../test/seeded-faults/faults.ts';
import { provideChromium } from './chromium.ts';
import { type CommandOptions, type CommandResult, runAll, runCommand } from './command.ts';
import { provideServices } from './services.ts';

/** What a stage counted. A gate counts as one test. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Shown when something failed. */
  readonly output: string;
  /** What the end of the whole run repeats, so that nobody overlooks it. */
  readonly notices?: readonly string[];
}

/** One step of `npm test`. */
export interface Stage {
  readonly name: string;
  /** `filters` are the words behind `--only unit`: file names for the test runners. */
  readonly run: (filters: readonly string[]) => Promise<Outcome>;
}

const cache = 'node_modules/.cache/trunkline-test';
/** Far above what a quiet machine needs; it is there for a run that hangs. */
const testLimitMs = 600_000;

/** Every step, in the order in which they run. */
export const stages: readonly Stage[] = [
  gate('format', () => runCommand('biome', ['check', '--linter-enabled=false', '.'])),
  gate('lint', () => runCommand('oxlint', ['--type-aware', '--deny-warnings', '.'])),
  gate('types', () => runCommand('tsc', ['-b'])),
  gate('imports', checkImports),
  gate('packages', checkPackages),
  gate('unused', () => runCommand('knip', ['--no-progress'])),
  { name: 'unit', run: runVitest },
  { name: 'seeded-faults', run: seedFaults },
  { name: 'browser', run: (filters) => runPlaywright(filters) },
];

/** Those that take too long for every run: they run when they are asked for by name. */
export const longStages: readonly Stage[] = [
  {
    name: 'cluster',
    run: (filters) =>
      runPlaywright(filters, { env: { DEMO: 'cluster' }, limitMs: 3 * testLimitMs }),
  },
];

function gate(name: string, check: () => Promise<CommandResult>): Stage {
  const run = async (): Promise<Outcome> => {
    const { ok, output } = await check();
    return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, output };
  };
  return { name, run };
}

/** Do the imports run downwards (.dependency-cruiser.cjs)? Each half of the demo has its own `@/`. */
function checkImports(): Promise<CommandResult> {
  const cruise = ['depcruise', '--output-type', 'err'];
  const packages = readdirSync('packages').map((name) => `packages/${name}/src`);
  const demo = ['apps/demo/server', 'apps/demo/web'].map((half) => [
    ...cruise,
    ...['--ts-config', `${half}/tsconfig.json`, `${half}/src`],
  ]);
  return runAll([[...cruise, ...packages], ...demo]);
}

/** Would the packages, as npm would publish them, resolve for everybody (ESM only)? */
async function checkPackages(): Promise<CommandResult> {
  const folder = `${cache}/packed`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const workspaces = readdirSync('packages').map((name) => `--workspace=packages/${name}`);
  const packed = await runCommand('npm', ['pack', '--pack-destination', folder, ...workspaces]);
  if (!packed.ok) return packed;
  const tarballs = readdirSync(folder).map((name) => `${folder}/${name}`);
  const checks = tarballs.flatMap((tarball) => [
    ['publint', 'run', '--strict', tarball],
    ['attw', tarball, '--profile', 'esm-only'],
  ]);
  return runAll(checks);
}

async function runVitest(filters: readonly string[]): Promise<Outcome> {
  await provideServices();
  const file = await freshReport('vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const result = await runCommand('vitest', ['run', ...reporters, ...filters], {
    limitMs: testLimitMs,
  });
  const report = (await readJson(file)) as VitestReport | null;
  return countTests(result, report && countVitest(report));
}

/** The cluster's tests need what a cluster needs. */
async function runPlaywright(
  filters: readonly string[],
  { env = {}, limitMs = testLimitMs }: CommandOptions = {},
): Promise<Outcome> {
  await provideServices();
  const chromium = await provideChromium();
  if (!chromium.ok) return { passed: 0, failed: 1, skipped: 0, output: chromium.problem };
  const file = await freshReport('playwright.json');
  const result = await runCommand('playwright', ['test', '--reporter=list,json', ...filters], {
    limitMs,
    env: { ...env, PLAYWRIGHT_JSON_OUTPUT_FILE: file },
  });
  const report = (await readJson(file)) as PlaywrightReport | null;
  return countTests(result, report && countPlaywright(report));
}

/** Do our tests notice each of the faults? One that passes with a fault in place is a failure. */
async function seedFaults(filters: readonly string[]): Promise<Outcome> {
  const chosen = faults.filter(({ name }) => filters.every((filter) => name.includes(filter)));
  const missed: string[] = [];
  await provideServices();
  for (const fault of chosen) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other: some of the tests are about time
    const problem = await seed(fault);
    if (problem) missed.push(problem);
  }
  const failed = missed.length;
  return { passed: chosen.length - failed, failed, skipped: 0, output: missed.join('\n') };
}

/** What is wrong; `null`: a test has caught it. */
async function seed({ name, caughtBy, says = /./, neverSays }: Fault): Promise<string | null> {
  const file = await freshReport('fault.json');
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  // The first failure is enough, and a fault that makes a test wait for ever is one.
  const impatient = ['--bail=1', '--testTimeout=6000', '--hookTimeout=6000'];
  const { ok, output } = await runCommand('vitest', [...args, ...impatient, ...caughtBy], {
    env: { TRUNKLINE_FAULT: name },
  });
  const report = (await readJson(file)) as VitestReport | null;
  // A file that does not even load with the fault in place has not judged it.
  const wasCaught = !ok && report !== null && report.numFailedTests > 0;
  if (!wasCaught) return `Nothing notices: ${name}\n${output}`;
  if (says.test(output) && !neverSays?.test(output)) return null;
  return `It was noticed, but not for what it is: ${name}\n${output}`;
}

type Counts = Omit<Outcome, 'output'>;

/** A run that broke (no report, no tests, an error outside the tests) is one failure more. */
function countTests({ ok, output }: CommandResult, counts: Counts | null): Outcome {
  if (!counts) return { passed: 0, failed: 1, skipped: 0, output: `${output}\nIt left no report.` };
  const isEmpty = counts.passed + counts.failed + counts.skipped === 0;
  const brokeOutside = counts.failed === 0 && (!ok || isEmpty);
  return { ...counts, failed: counts.failed + (brokeOutside ? 1 : 0), output };
}

interface VitestReport {
  numPassedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numFailedTests: number;
  testResults: { status: string; assertionResults: VitestTest[] }[];
}

interface VitestTest {
  status: string;
  /** What `needs` of test/services has said about it. */
  meta: { missing?: string };
}

function countVitest(report: VitestReport): Counts {
  // A file that does not load has no tests that could fail: the file is the failure.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
    notices: missingServices(report),
  };
}

function missingServices({ testResults }: VitestReport): string[] {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  return skippedBecause(
    tests.flatMap(({ status, meta }) =>
      status === 'skipped' && meta.missing ? [meta.missing] : [],
    ),
  );
}

/** A line for each of the reasons. */
function skippedBecause(reasons: readonly string[]): string[] {
  return [...Map.groupBy(reasons, (reason) => reason)].map(
    ([reason, { length }]) =>
      `SKIPPED: ${length === 1 ? '1 test' : `${length} tests`}, because ${reason}.`,
  );
}

interface PlaywrightReport {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number };
  suites: PlaywrightSuite[];
}

interface PlaywrightSuite {
  suites?: PlaywrightSuite[];
  specs: { tests: { status: string; annotations: PlaywrightNote[] }[] }[];
}

interface PlaywrightNote {
  type: string;
  description?: string;
}

function countPlaywright({ stats, suites }: PlaywrightReport): Counts {
  return {
    passed: stats.expected + stats.flaky,
    failed: stats.unexpected,
    skipped: stats.skipped,
    notices: skippedBecause(suites.flatMap(missingIn)),
  };
}

function missingIn({ suites = [], specs }: PlaywrightSuite): string[] {
  const skipped = specs.flatMap(({ tests }) => tests).filter(({ status }) => status === 'skipped');
  const notes = skipped.flatMap(({ annotations }) => annotations);
  const own = notes.flatMap(({ type, description }) => (type === 'skip' && description) || []);
  return [...own, ...suites.flatMap(missingIn)];
}

/** An old report must never be counted again. */
async function freshReport(name: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  await rm(`${cache}/${name}`, { force: true });
  return `${cache}/${name}`;
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return null;
  }
}
