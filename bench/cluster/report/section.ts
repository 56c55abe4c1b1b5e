import type { Measured } from '../../report/page.ts';
import { asMarkdown, rowsOf } from '../../report/table.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { costRows, costsIn, sumsText } from './arithmetic.ts';
import { commandRows } from './commands.ts';
import { ClusterFigures } from './figures.ts';

/** What a scenario counts commands by, where it is worth a table. */
const countedBy: Readonly<Record<string, string>> = {
  'one-event': 'per event',
  connect: 'per connection',
  'idle-5000': 'per second',
};

const notes: Readonly<Record<string, string>> = {
  capacity:
    'While the nodes work, the load reads nothing: what comes lies in its sockets, and is counted and checked\n' +
    'afterwards. So the nodes have the machine for themselves.',
  publish:
    'What an event costs before it is delivered to many. Only Trunkline gives a receipt: it says that the event is kept.',
  'latency-50':
    'From the moment when the app sends to its receipt, and from the load’s command to the last of the 100 subscribers.',
  connect:
    'Trunkline’s connections have three channels each: their user’s, their tenant’s, a room.',
};

/** The page's part about many nodes. */
export function clusterSection(measured: Measured): string {
  const figures = new ClusterFigures(measured);
  const costs = costsIn(figures);
  return [
    '## Many nodes',
    introduction(measured),
    findings(figures),
    '### What to reckon with',
    asMarkdown(costRows(costs)),
    sumsText(costs),
    ...measured.scenarios.flatMap((scenario) => partOf(scenario, measured)),
  ].join('\n\n');
}

function introduction({ conditions, rounds, slices }: Measured): string {
  const { date, machine, node, command, isPinned, versions } = conditions;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const cores = isPinned
    ? 'all nodes share one core, Redis and the load the other, except where it says otherwise'
    : 'nothing is pinned to a core';
  return [
    'What it costs that nodes share a Redis, and what several of them can do together: `memory` is one node that',
    'shares nothing, `redis-2` two nodes on the Redis engine, `socket.io-2` two servers with the Redis Streams adapter',
    'and connection state recovery, which is the guarantee that comes nearest. Each has a Redis of its own without',
    'anything on disk, connections are spread evenly over its nodes, every room over all of them, and each node',
    `publishes to its part of the rooms. All are up at once and take turns: median [lowest..highest] of ${rounds * slices} turns,`,
    'events as above, every delivery counted and its order checked.',
    '',
    `Measured on ${date} with Node.js ${node} on ${machine}; ${cores}; loopback. ${names.join(', ')}.`,
    `Command: \`${command}\`.`,
  ].join('\n');
}

function findings(figures: ClusterFigures): string {
  const capacityOf = (peer: string) =>
    `${figures.text('capacity', peer, 'deliveriesPerSecond')} (${figures.text('capacity', peer, 'nodeCores')} cores)`;
  const cpuOf = (peer: string) => figures.text('capacity', peer, 'cpuPerMillion');
  const latencyOf = (peer: string, figure: 'lastP50Ms' | 'lastP99Ms') =>
    figures.text('latency-50', peer, figure);
  const floodOf = (peer: string) => figures.text('flood', peer, 'lastP99Ms');
  const bytesOf = (peer: string) =>
    `${figures.text('one-event', peer, 'redisInBytes')} + ${figures.text('one-event', peer, 'redisOutBytes')}`;
  return [
    `- **Nodes add up until the cores are used up.** With the load at rest 1, 2 and 3 nodes deliver ${capacityOf('redis-1')},`,
    `  ${capacityOf('redis-2')} and ${capacityOf('redis-3')} events a second: a node without a core of its own adds only what larger batches save. A million`,
    `  deliveries take ${cpuOf('redis-1')}, ${cpuOf('redis-2')} and ${cpuOf('redis-3')} CPU-seconds of all nodes together (memory: ${cpuOf('memory')}). Redis is nowhere near its limit:`,
    `  it uses ${figures.text('capacity', 'redis-3', 'redisCores')} cores meanwhile.`,
    `- **A publish through Redis** takes ${figures.ratio('publish', 'redis-1', 'publisherCpu', 'memory')} × the CPU of one in memory, and ${figures.ratio('publish', 'redis-2', 'publisherCpu', 'socket.io-2')} × that of Socket.IO; hearing it on`,
    `  another node ${figures.ratio('publish', 'redis-2', 'listenerCpu', 'socket.io-2')} ×.`,
    `- **Latency** at 50 events/s, from the send to the last of 100 subscribers, p50 / p99 in ms: memory`,
    `  ${latencyOf('memory', 'lastP50Ms')} / ${latencyOf('memory', 'lastP99Ms')}, Redis ${latencyOf('redis-1', 'lastP50Ms')} / ${latencyOf('redis-1', 'lastP99Ms')} (1 node) and ${latencyOf('redis-2', 'lastP50Ms')} / ${latencyOf('redis-2', 'lastP99Ms')} (2 nodes), Socket.IO ${latencyOf('socket.io-1', 'lastP50Ms')} / ${latencyOf('socket.io-1', 'lastP99Ms')} and`,
    `  ${latencyOf('socket.io-2', 'lastP50Ms')} / ${latencyOf('socket.io-2', 'lastP99Ms')}. A receipt comes after ${figures.text('latency-50', 'redis-2', 'receiptP50Ms')} ms (memory: ${figures.text('latency-50', 'memory', 'receiptP50Ms')}). At 1,000 events/s p99 is ${floodOf('memory')} (memory),`,
    `  ${floodOf('redis-1')} and ${floodOf('redis-2')} (Redis), ${floodOf('socket.io-1')} and ${floodOf('socket.io-2')} (Socket.IO).`,
    `- **Redis is asked one thing per event**, a script; bytes in + out with 1, 2 and 3 nodes listening:`,
    `  ${bytesOf('redis-1')}, ${bytesOf('redis-2')}, ${bytesOf('redis-3')}; Socket.IO with 1 and 2: ${bytesOf('socket.io-1')}, ${bytesOf('socket.io-2')}.`,
  ].join('\n');
}

function partOf(scenario: Scenario, measured: Measured): string[] {
  const { name, title } = scenario;
  const rows = rowsOf(scenario, measured);
  if (rows.length === 1) return [];
  const each = countedBy[name];
  return [
    `### ${title.charAt(0).toUpperCase()}${title.slice(1)}`,
    notes[name] ?? '',
    asMarkdown(rows),
    each ? asMarkdown(commandRows(measured, name, each)) : '',
  ].filter((part) => part !== '');
}
