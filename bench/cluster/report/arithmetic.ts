import type { Rows } from '../../report/table.ts';
import { asFigure, type ClusterFigures } from './figures.ts';

const SECOND_US = 1_000_000;
/** Of a core: what an operator leaves free. */
const BUSY = 0.6;
const NODES = 10;
const ROOM = 100;

/** What each thing costs, in microseconds of CPU: the terms of every sum. */
export interface Costs {
  readonly delivery: number;
  readonly publish: number;
  readonly hear: number;
  readonly connect: number;
  /** Of a thousand channels, each second. */
  readonly follow: number;
}

/** Of a node and of its Redis. */
export function costsIn(figures: ClusterFigures): { node: Costs; redis: Costs } {
  const redisOf = (peer: string) => figures.value('publish', peer, 'redisCpuPerEvent');
  return {
    node: {
      delivery: figures.value('rooms-10x100', 'redis-1', 'cpuPerMillion'),
      publish: figures.value('publish', 'redis-1', 'publisherCpu'),
      hear: figures.value('publish', 'redis-3', 'listenerCpu'),
      connect: figures.value('connect', 'redis-1', 'cpuPerConnection'),
      follow: followed(figures, 'idleNodeCpu'),
    },
    redis: {
      delivery: 0,
      publish: redisOf('redis-1'),
      hear: Math.max(0, (redisOf('redis-3') - redisOf('redis-1')) / 2),
      connect: figures.value('connect', 'redis-1', 'redisCpuPerConnection'),
      follow: followed(figures, 'idleRedisCpu'),
    },
  };
}

/** The terms as a table. */
export function costRows({ node, redis }: { node: Costs; redis: Costs }): Rows {
  const row = (what: string, of: keyof Costs) => [what, asFigure(node[of]), asFigure(redis[of])];
  return [
    ['CPU µs', 'node', 'Redis'],
    row(`a delivery, in rooms of ${ROOM}`, 'delivery'),
    row('an event, where it is published', 'publish'),
    row('… and on every other node with a subscriber', 'hear'),
    row('a connection, until it is subscribed to its three channels', 'connect'),
    row('1,000 channels followed, each second', 'follow'),
  ];
}

/** Two sums that anybody can do again with other numbers. */
export function sumsText({ node, redis }: { node: Costs; redis: Costs }): string {
  const deliveries = (BUSY * SECOND_US) / node.delivery;
  const perEvent = redis.publish + (NODES - 1) * redis.hear;
  const events = (BUSY * SECOND_US) / perEvent;
  return [
    `With ${BUSY * 100} % of a core in use, a node delivers ${whole(deliveries)} events a second in rooms of ${ROOM};`,
    `and one Redis, with ${NODES} nodes that all have subscribers of every event, takes ${whole(events)} events a second`,
    `(${asFigure(redis.publish)} + ${NODES - 1} × ${asFigure(redis.hear)} µs), or keeps watch over ${whole((BUSY * SECOND_US * 1_000) / redis.follow)} channels while nothing is published.`,
    'Where less is going on each event costs more, because a process must be woken for it, and that does not matter.',
  ].join('\n');
}

/** More channels against none: the rest is a node's own. */
function followed(figures: ClusterFigures, figure: 'idleNodeCpu' | 'idleRedisCpu'): number {
  const of = (name: typeof figure | 'channels') =>
    figures.value('idle-5000', 'redis-1', name) - figures.value('idle-0', 'redis-1', name);
  return (of(figure) * 1_000 * 1_000) / of('channels');
}

function whole(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return (Math.round(value / step) * step).toLocaleString('en');
}
