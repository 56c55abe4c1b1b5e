import {
  DEMO_PASSWORD,
  demoAccounts,
} from '../apps/demo/server/src/infrastructure/database/demo-accounts.ts';
import type { DemoCluster } from '../test/e2e/demo-cluster.ts';
import type { DemoNode } from '../test/e2e/demo-node.ts';

/** What the terminal shows when all nodes are up. */
export async function clusterWelcome(cluster: DemoCluster): Promise<string> {
  const [first] = cluster.nodes;
  return [
    `Trunkline demo on ${cluster.nodes.length} nodes   ${publicUrl(cluster)}`,
    '',
    ...(await tableOf(cluster)),
    '',
    `Sign in with the password ${DEMO_PASSWORD} as ${demoAccounts.map(({ email }) => email).join(', ')}.`,
    '',
    'Try this:',
    '  Sign in as Ada and as Ben in two browsers, and press Enter here: the table says which node has whom.',
    '  Chat, or import the sample as Ada: it makes no difference.',
    `  kill -9 ${first?.process?.pid}   Its pages are back through another node within seconds, without a reload`,
    '                  and without a gap; an import that ran there goes on elsewhere, as attempt 2, within',
    '                  a minute. The node is started again after a second.',
    '',
    'Stop with Ctrl-C: all of it goes, its data as well.',
  ].join('\n');
}

/** What runs where, a line each. */
export async function tableOf(cluster: DemoCluster): Promise<string[]> {
  const nodes = await Promise.all(cluster.nodes.map(lineOf));
  return [
    line('nginx', cluster.url, 'takes the nodes in turn, whoever comes: no sticky sessions'),
    ...nodes,
    line('Redis', cluster.redisUrl, cluster.redisUrl),
    line('Postgres', cluster.databaseUrl, cluster.databaseUrl),
  ];
}

async function lineOf(node: DemoNode): Promise<string> {
  const url = `http://127.0.0.1:${node.port}`;
  const clients = await node.connections();
  if (!node.process || clients === null) return line(node.name, url, 'is down');
  const count = clients === 1 ? '1 client' : `${clients} clients`;
  return line(node.name, url, `pid ${node.process.pid}, ${count}`);
}

function line(name: string, url: string, rest: string): string {
  return `  ${name.padEnd(8)}  port ${new URL(url).port}   ${rest}`;
}

function publicUrl({ url }: DemoCluster): string {
  return `http://localhost:${new URL(url).port}`;
}
