import { setTimeout as sleep } from 'node:timers/promises';
import type { Traffic } from '../../load/publisher.ts';
import type { Measures, Scenario } from '../../scenarios/scenario.ts';
import { type Stage, TENANT } from '../../stage.ts';
import { costsOf } from '../costs.ts';
import { MEMORY } from '../peers.ts';
import { roomsAtRest } from './audiences.ts';

const { connections, rooms } = roomsAtRest;
const MEMBERS = connections / rooms;
/** To each room: what comes of it fits into a connection's buffers, in which it lies. */
const EVENTS = 60;
const WARM_EVENTS = 20;
/** Rooms that a node publishes to in one turn: all that comes of it is delivered in one turn, too. */
const PER_TURN = 4;
const POLL_MS = 2;
const PATIENCE_MS = 60_000;

/**
 * What the nodes can do when the load costs nothing: it lets everything lie in the kernel while they
 * work, and reads it afterwards, counting and checking as ever.
 */
export const capacity: Scenario = {
  name: 'capacity',
  title: '24 rooms of 100, the load at rest, nodes and Redis on all cores',
  audience: roomsAtRest,
  peers: [MEMORY, 'redis-1', 'redis-2', 'redis-3'],
  isRepeatable: false,
  figures: [
    'deliveriesPerSecond',
    'eventsPerSecond',
    'cpuPerMillion',
    'nodeCores',
    'redisCores',
    'loadCores',
  ],
  measure: async (stage) => await measure(stage),
};

async function measure(stage: Stage): Promise<Measures> {
  await burst(stage, WARM_EVENTS);
  return await burst(stage, EVENTS);
}

async function burst(stage: Stage, events: number): Promise<Measures> {
  const publications = events * rooms;
  const deliveries = publications * MEMBERS;
  await stage.load.ask('pause');
  const due = (await delivered(stage)) + deliveries;
  const before = await stage.clock();
  const begin = performance.now();
  await publish(stage, events);
  await untilDelivered(stage, due);
  const traffic: Traffic = { publications, deliveries, ms: performance.now() - begin };
  const used = await stage.since(before);
  await stage.load.ask('resume', { deliveries });
  return costsOf(used, traffic);
}

/** Each node publishes to rooms of its own, and the next events when it has all receipts. */
async function publish({ servers }: Stage, events: number): Promise<void> {
  const { length } = servers;
  await Promise.all(
    servers.map((server, node) => {
      const own = { first: node, step: length, count: rooms / length, perTurn: PER_TURN };
      return server.ask('publish', { tenant: TENANT, to: 'room', ...own, events });
    }),
  );
}

async function untilDelivered(stage: Stage, due: number): Promise<void> {
  const late = performance.now() + PATIENCE_MS;
  // oxlint-disable-next-line no-await-in-loop -- it looks again and again
  for (let done = await delivered(stage); done < due; done = await delivered(stage)) {
    if (performance.now() > late) throw new Error(`${due - done} events were never delivered`);
    // oxlint-disable-next-line no-await-in-loop -- see above
    await sleep(POLL_MS);
  }
}

async function delivered({ servers }: Stage): Promise<number> {
  const counts = await Promise.all(servers.map((server) => server.ask<number>('deliveries')));
  return counts.reduce((sum, count) => sum + count, 0);
}
