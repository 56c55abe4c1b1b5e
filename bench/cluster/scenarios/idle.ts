import { setTimeout as sleep } from 'node:timers/promises';
import type { Measures, Scenario } from '../../scenarios/scenario.ts';
import type { Stage } from '../../stage.ts';
import { commandsPer } from '../costs.ts';

/** Periods of 1, 2 and 3 s fit into it; what comes with the connections is over before. */
const IDLE_MS = 6_000;
const SETTLED_MS = 1_500;
const IDLE_S = IDLE_MS / 1_000;

/** What a node and its Redis do when nothing is published, by connections: each has a user's and a room's channel. */
export const idling: readonly Scenario[] = [0, 500, 5_000].map((connections) => ({
  name: `idle-${connections}`,
  title:
    connections === 0
      ? 'nobody is connected, and nothing is published'
      : `${connections.toLocaleString('en')} are connected, each in a room of its own, and nothing is published`,
  audience: null,
  peers: ['redis-1', 'socket.io-1'],
  isRepeatable: false,
  isOnce: true,
  figures: [
    'channels',
    'idleNodeCpu',
    'idleRedisCpu',
    'idleCommands',
    'idleInBytes',
    'idleOutBytes',
  ],
  measure: (stage: Stage) => measure(stage, connections),
}));

async function measure(stage: Stage, connections: number): Promise<Measures> {
  if (connections > 0) await stage.open({ connections, rooms: connections });
  await sleep(SETTLED_MS);
  const before = await stage.clock();
  await sleep(IDLE_MS);
  const used = await stage.since(before);
  const { redis, nodeCpuMs, otherCores } = used;
  if (!redis) throw new Error('idle is measured of what shares a Redis');
  const commands = commandsPer(IDLE_S, used);
  return {
    channels: (await stage.redis?.clock())?.channels ?? 0,
    idleNodeCpu: (nodeCpuMs[0] ?? 0) / IDLE_S,
    idleRedisCpu: redis.cpuMs / IDLE_S,
    idleCommands: Object.values(commands).reduce((sum, count) => sum + count, 0),
    idleInBytes: redis.inBytes / IDLE_S,
    idleOutBytes: redis.outBytes / IDLE_S,
    commands,
    ...(otherCores === null ? {} : { otherCores }),
  };
}
