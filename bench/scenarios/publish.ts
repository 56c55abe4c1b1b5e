import type { Traffic } from '../load/publisher.ts';
import { peers } from '../peers.ts';
import { type Stage, TENANT } from '../stage.ts';
import { conditionsOf, type Effort, type Measures, type Scenario } from './scenario.ts';

/** What an app sends in one go, waiting for each receipt. */
const IN_ONE_GO = 100;

/** What a publish costs that a single connection hears; with history, where the server has it. */
export const publishing: Scenario = {
  name: 'publish',
  title: 'publish to a room of one, waiting for each',
  audience: { connections: 1, rooms: 1 },
  // nginx is told over HTTP, and nobody waits for its answers.
  peers: peers.map(({ name }) => name).filter((name) => name !== 'nginx-nchan'),
  isRepeatable: false,
  figures: ['cpuPerPublish', 'publishesPerSecond', 'loadCores'],
  measure,
};

async function measure(stage: Stage, { warmMs, measureMs }: Effort): Promise<Measures> {
  const run = async (ms: number) =>
    await stage.load.ask<Traffic>('loop', {
      tenant: TENANT,
      to: 'room',
      streams: 1,
      members: 1,
      perCommand: 1,
      events: IN_ONE_GO,
      isAwaited: true,
      ms,
    });
  await run(warmMs);
  const before = await stage.clock();
  const { publications, ms } = await run(measureMs);
  const used = await stage.since(before);
  return {
    cpuPerPublish: (used.serverCpuMs * 1_000) / publications,
    publishesPerSecond: (publications * 1_000) / ms,
    ...conditionsOf(used),
  };
}
