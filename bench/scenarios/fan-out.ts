// Closed loops: publish, wait until everything has been delivered, publish again.
import type { LoopOptions, Traffic } from '../load/publisher.ts';
import { type Audience, type Stage, TENANT } from '../stage.ts';
import { conditionsOf, type Effort, type Measures, type Scenario } from './scenario.ts';

type Work = Pick<LoopOptions, 'to' | 'streams' | 'members' | 'perCommand' | 'events'> &
  Partial<LoopOptions>;

/** Everybody in one room. */
export const roomOf1000: Audience = { connections: 1_000, rooms: 1 };

const oneRoom = (members: number, events = 1): Work => ({
  to: 'room',
  streams: 1,
  members,
  perCommand: 1,
  events,
});

/** The fan-out scenarios, in the order of the table. */
export const fanOuts: readonly Scenario[] = [
  fanOut(
    'room-100',
    'a room of 100, one event at a time',
    { connections: 100, rooms: 1 },
    oneRoom(100),
  ),
  fanOut('room-1000', 'a room of 1,000, one event at a time', roomOf1000, oneRoom(1_000)),
  fanOut('turn-4', 'a room of 1,000, 4 events per turn', roomOf1000, oneRoom(1_000, 4)),
  fanOut('turn-16', 'a room of 1,000, 16 events per turn', roomOf1000, oneRoom(1_000, 16)),
  fanOut(
    'room-9000',
    'a room of 9,000, one event at a time',
    { connections: 9_000, rooms: 1 },
    oneRoom(9_000),
  ),
  fanOut(
    'rooms-1000x10',
    '1,000 rooms of 10',
    { connections: 10_000, rooms: 1_000 },
    {
      to: 'room',
      streams: 1_000,
      members: 10,
      perCommand: 100,
      events: 1,
    },
  ),
  fanOut(
    'users-9000',
    '9,000 single users',
    { connections: 9_000, rooms: 0 },
    {
      to: 'user',
      streams: 9_000,
      members: 1,
      perCommand: 900,
      events: 1,
    },
  ),
];

function fanOut(name: string, title: string, audience: Audience, work: Work): Scenario {
  return {
    name,
    title,
    audience,
    isRepeatable: false,
    figures: ['cpuPerMillion', 'deliveriesPerSecond', 'loadCores'],
    measure: (stage, effort) => measure(stage, effort, work),
  };
}

async function measure(stage: Stage, effort: Effort, work: Work): Promise<Measures> {
  const run = async (ms: number) =>
    await stage.load.ask<Traffic>('loop', { tenant: TENANT, ...work, ms });
  await run(effort.warmMs);
  const before = await stage.clock();
  const { deliveries, ms } = await run(effort.measureMs);
  const used = await stage.since(before);
  return {
    cpuPerMillion: (used.serverCpuMs * 1_000) / deliveries,
    deliveriesPerSecond: (deliveries * 1_000) / ms,
    ...conditionsOf(used),
  };
}
