// `npm run nightly`: the long tiers, in the order in which they are worth knowing. The model test plays
// 2,000 scenarios of 200 steps on each broker; the isolation test checks ten million deliveries; a PGlite is
// killed 50 times while it writes, and operations play 1,000 scenarios on each database; the lab attacks,
// starves, drains and storms a server; the fault lab breaks each part of a system of nodes; the browser tests
// run against two nodes behind nginx.
import { spawnSync } from 'node:child_process';

const tiers: readonly (readonly [command: string, args: readonly string[]])[] = [
  ['vitest', ['run', 'packages/server/test/model']],
  ['vitest', ['run', 'test/isolation/isolation.test.ts']],
  ['vitest', ['run', ...['pglite.kill', 'pglite.model', 'postgres.model'].map(ofOperations)]],
  ['node', ['--conditions=@trunkline/source', 'test/lab/main.ts']],
  ['node', ['--conditions=@trunkline/source', 'test/faults/main.ts']],
  ['node', ['scripts/test.ts', '--only', 'cluster']],
];

function ofOperations(name: string): string {
  return `packages/operations/test/${name}`;
}

const env = { ...process.env, TRUNKLINE_TIER: 'nightly' };
const failed = tiers.filter(
  ([command, args]) => spawnSync(command, args, { env, stdio: 'inherit' }).status !== 0,
);
console.log(`\n${tiers.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
