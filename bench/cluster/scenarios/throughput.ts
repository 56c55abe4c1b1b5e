import type { LoopOptions, Traffic } from '../../load/publisher.ts';
import type { Effort, Measures, Scenario } from '../../scenarios/scenario.ts';
import { type Audience, type Stage, TENANT } from '../../stage.ts';
import { costsOf } from '../costs.ts';
import { roomOf1000, roomsOf100 } from './audiences.ts';

type Work = Pick<LoopOptions, 'streams' | 'members' | 'perCommand' | 'events'>;

/** Closed loops: some events are on their way, and the next when all of them have come. */
export const throughputs: readonly Scenario[] = [
  closedLoop('rooms-10x100', '10 rooms of 100, an event to each on its way', roomsOf100, {
    streams: 10,
    members: 100,
    perCommand: 10,
    events: 1,
  }),
  closedLoop('room-1000', 'a room of 1,000, one event on its way', roomOf1000, oneRoom(1)),
  closedLoop('room-1000-4', 'a room of 1,000, 4 events on their way', roomOf1000, oneRoom(4)),
];

function oneRoom(events: number): Work {
  return { streams: 1, members: 1_000, perCommand: 1, events };
}

function closedLoop(name: string, title: string, audience: Audience, work: Work): Scenario {
  return {
    name,
    title,
    audience,
    isRepeatable: false,
    figures: [
      'cpuPerMillion',
      'deliveriesPerSecond',
      'eventsPerSecond',
      'nodeCores',
      'redisCores',
      'loadCores',
    ],
    measure: (stage, effort) => measure(stage, effort, work),
  };
}

async function measure(stage: Stage, effort: Effort, work: Work): Promise<Measures> {
  const run = async (ms: number) =>
    await stage.load.ask<Traffic>('loop', { tenant: TENANT, to: 'room', ...work, ms });
  await run(effort.warmMs);
  const before = await stage.clock();
  const traffic = await run(effort.measureMs);
  return costsOf(await stage.since(before), traffic);
}
