import { setTimeout as sleep } from 'node:timers/promises';
import { conditionsOf, type Measures, type Scenario } from '../../scenarios/scenario.ts';
import type { Stage } from '../../stage.ts';
import { commandsPer } from '../costs.ts';
import { MEMORY } from '../peers.ts';

const CONNECTIONS = 2_000;
const ROOMS = 20;
const WARM = 200;
/** Until the server knows that they are gone. */
const GONE_MS = 1_000;

/** What coming costs, the node's way to Redis for each connection's channels among it. */
export const connecting: Scenario = {
  name: 'connect',
  title: '2,000 connect until authenticated and subscribed, into 20 rooms',
  audience: null,
  peers: [MEMORY, 'redis-1', 'socket.io-1'],
  isRepeatable: false,
  figures: [
    'cpuPerConnection',
    'redisCpuPerConnection',
    'connectionsPerSecond',
    'redisInPerConnection',
    'redisOutPerConnection',
    'loadCores',
  ],
  measure,
};

async function measure(stage: Stage): Promise<Measures> {
  await stage.open({ connections: WARM, rooms: ROOMS });
  await stage.load.ask('leave');
  await sleep(GONE_MS);
  const before = await stage.clock();
  const { ms } = await stage.open({ connections: CONNECTIONS, rooms: ROOMS });
  const used = await stage.since(before);
  const { serverCpuMs, redis } = used;
  return {
    cpuPerConnection: (serverCpuMs * 1_000) / CONNECTIONS,
    connectionsPerSecond: (CONNECTIONS * 1_000) / ms,
    ...(redis && {
      redisCpuPerConnection: (redis.cpuMs * 1_000) / CONNECTIONS,
      redisInPerConnection: redis.inBytes / CONNECTIONS,
      redisOutPerConnection: redis.outBytes / CONNECTIONS,
      commands: commandsPer(CONNECTIONS, used),
    }),
    ...conditionsOf(used),
  };
}
