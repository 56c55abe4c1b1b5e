// `npm run cluster`: the demo on three nodes behind nginx, with a Redis and a Postgres of its own, without
// Docker. A node that dies is started again, so that one can kill them and watch. `--nodes 5 --port 8000`.
import { setTimeout as delay } from 'node:timers/promises';
import { DemoCluster, missingForCluster } from '../test/e2e/demo-cluster.ts';
import type { DemoNode } from '../test/e2e/demo-node.ts';
import { isFreePort } from '../test/services/lasting-port.ts';
import { type ClusterOptions, readClusterOptions, UsageError } from './cluster-options.ts';
import { clusterWelcome, tableOf } from './cluster-words.ts';
import { provideServices } from './services.ts';

const RESTART_AFTER_MS = 1000;

let isStopping = false;

try {
  await run(readClusterOptions(process.argv.slice(2)));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof UsageError ? 2 : 1);
}

async function run(options: ClusterOptions): Promise<void> {
  await provideServices();
  const missing = missingForCluster();
  if (missing) throw new Error(`A cluster needs Redis, Postgres and nginx, and ${missing}.`);
  await refusePortsInUse(options);
  console.log(`Starting nginx, Redis, Postgres and ${options.nodes} nodes …\n`);
  // An import of the sample takes long enough to kill its node.
  const pace = process.env['IMPORT_PACE_MS'] ?? '300';
  const cluster = await DemoCluster.prepare({ ...options, env: { IMPORT_PACE_MS: pace } });
  stopOnSignals(cluster);
  if (!(await startNodes(cluster))) return;
  console.log(await clusterWelcome(cluster));
  for (const node of cluster.nodes) void keepUp(cluster, node);
  process.stdin.on('data', () => void showTable(cluster));
}

async function refusePortsInUse({ port, nodes }: ClusterOptions): Promise<void> {
  for (let each = port; each <= port + nodes; each++) {
    // oxlint-disable-next-line no-await-in-loop -- a handful
    if (await isFreePort(each)) continue;
    throw new Error(
      `Port ${each} is in use. nginx takes ${port}, and the nodes those behind it: take others with ` +
        `npm run cluster -- --port ${port + 1000}`,
    );
  }
}

/** `false`: it is being stopped before they answer. */
async function startNodes(cluster: DemoCluster): Promise<boolean> {
  try {
    await cluster.startNodes();
  } catch (error) {
    if (isStopping) return false;
    await cluster.stop('SIGKILL');
    throw error;
  }
  return !isStopping;
}

/** Says that a node has died, and starts it again. */
async function keepUp(cluster: DemoCluster, node: DemoNode): Promise<void> {
  while (node.process) {
    const { pid } = node.process;
    // oxlint-disable-next-line no-await-in-loop -- one life after the other
    const { code, signal } = await node.process.ended;
    if (isStopping) return;
    const how = signal ? `was ended by ${signal}` : `has ended with code ${code}`;
    console.log(`\n${node.name} (pid ${pid}) ${how}. Its clients go on at the others.`);
    // oxlint-disable-next-line no-await-in-loop -- see above
    await delay(RESTART_AFTER_MS);
    if (isStopping) return;
    // oxlint-disable-next-line no-await-in-loop -- see above
    await startAgain(cluster, node);
  }
}

async function startAgain(cluster: DemoCluster, node: DemoNode): Promise<void> {
  try {
    await cluster.startNode(node);
    console.log(`${node.name} is back: pid ${node.process?.pid}.`);
  } catch (error) {
    console.error(`${node.name} stays down. ${String(error)}`);
  }
}

async function showTable(cluster: DemoCluster): Promise<void> {
  console.log((await tableOf(cluster)).join('\n'));
}

/** Ctrl-C ends everything in order; once more, at once. */
function stopOnSignals(cluster: DemoCluster): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void stop(cluster));
  }
}

async function stop(cluster: DemoCluster): Promise<void> {
  if (isStopping) return void (await cluster.endNodes('SIGKILL'));
  isStopping = true;
  console.log('\nStopping …');
  const ended = await cluster.stop();
  process.exit(ended.every(({ code }) => code === 0) ? 0 : 1);
}
