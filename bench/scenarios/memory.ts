import type { Stage } from '../stage.ts';
import type { Measures, Scenario } from './scenario.ts';

/** They stay: code, caches and free space that the first connections bring are no connection's. */
const WARM = 1_000;
const KIB = 1_024;

/** Resident memory that an idle connection costs, with its session and its own channels. */
export const memory: Scenario = {
  name: 'memory',
  title: 'memory per idle connection, authenticated and subscribed to its own channels',
  audience: null,
  isRepeatable: false,
  figures: ['kib9000', 'kib1000', 'kib100'],
  measure: async (stage) => await measure(stage),
};

async function measure(stage: Stage): Promise<Measures> {
  await stage.open({ connections: WARM, rooms: 0 });
  const before = await stage.server.ask<number>('memory');
  let connections = 0;
  const perConnection = async (upTo: number) => {
    await stage.open({ connections: upTo - connections, rooms: 0 });
    connections = upTo;
    return ((await stage.server.ask<number>('memory')) - before) / upTo / KIB;
  };
  return {
    kib100: await perConnection(100),
    kib1000: await perConnection(1_000),
    kib9000: await perConnection(9_000),
  };
}
