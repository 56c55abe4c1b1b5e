import { setTimeout as sleep } from 'node:timers/promises';
import type { Arrival } from '../load/crowd.ts';
import { type Stage, TENANT } from '../stage.ts';
import { conditionsOf, type Measures, type Scenario } from './scenario.ts';

const CONNECTIONS = 9_000;
const WARM = 500;
/** Until the server knows that they are gone. */
const GONE_MS = 1_000;

/** From the first packet to authenticated and in its room. */
export const connecting: Scenario = {
  name: 'connect',
  title: 'connect until authenticated and subscribed, 9,000 connections',
  audience: null,
  isRepeatable: true,
  figures: ['cpuPerConnection', 'connectionsPerSecond', 'loadCores'],
  measure: async (stage) => await measure(stage),
};

async function measure(stage: Stage): Promise<Measures> {
  await stage.open({ connections: WARM, rooms: 1 });
  await leave(stage);
  const before = await stage.clock();
  const { ms }: Arrival = await stage.open({ connections: CONNECTIONS, rooms: 1, tenant: TENANT });
  const used = await stage.since(before);
  await leave(stage);
  return {
    cpuPerConnection: (used.serverCpuMs * 1_000) / CONNECTIONS,
    connectionsPerSecond: (CONNECTIONS * 1_000) / ms,
    ...conditionsOf(used),
  };
}

async function leave({ load }: Stage): Promise<void> {
  await load.ask('leave');
  await sleep(GONE_MS);
}
