import type { Latency } from '../../load/latencies.ts';
import type { Traffic } from '../../load/publisher.ts';
import type { Effort, Measures, Scenario } from '../../scenarios/scenario.ts';
import type { ReceiptLatency } from '../../servers/receipts.ts';
import { type Stage, TENANT } from '../../stage.ts';
import { costsOf } from '../costs.ts';
import { clusterPeers } from '../peers.ts';
import { onePerNode } from './audiences.ts';
import { receiptsOf } from './latency.ts';

/** What an app sends in one go. */
const IN_ONE_GO = 100;
/** So long an event's way is not yet compiled: tens of thousands must have gone it. */
const WARM_UP_MS = 1_000;

/** What an event costs before anybody is delivered to: where it is published, and where it is heard. */
export const publishing: Scenario = {
  name: 'publish',
  title: 'publish to a room with one subscriber on each node, 100 in one go',
  audience: onePerNode,
  isRepeatable: false,
  figures: [
    'publisherCpu',
    'listenerCpu',
    'redisCpuPerEvent',
    'eventsPerSecond',
    'receiptP50Ms',
    'nodeCores',
    'redisCores',
    'loadCores',
  ],
  measure,
};

const PER_SECOND = 200;

/** What an event asks of Redis that has no others to share with. */
export const asking: Scenario = {
  name: 'one-event',
  title: 'one event at a time to a room with one subscriber on each node, 200 a second',
  audience: onePerNode,
  peers: clusterPeers.flatMap(({ name, isOnRedis }) => (isOnRedis ? [name] : [])),
  isRepeatable: false,
  figures: ['redisInBytes', 'redisOutBytes', 'redisCpuPerEvent'],
  measure: async (stage, { measureMs }) => {
    const before = await stage.clock();
    const traffic = await stage.load.ask<Latency & Traffic>('pace', {
      tenant: TENANT,
      to: 'room',
      members: stage.servers.length,
      perSecond: PER_SECOND,
      ms: measureMs * 2,
    });
    return costsOf(await stage.since(before), traffic);
  },
};

async function measure(stage: Stage, { measureMs }: Effort): Promise<Measures> {
  const run = async (ms: number) =>
    await stage.load.ask<Traffic>('loop', {
      tenant: TENANT,
      to: 'room',
      streams: 1,
      members: stage.servers.length,
      perCommand: 1,
      events: IN_ONE_GO,
      isTimed: true,
      ms,
    });
  await run(WARM_UP_MS);
  await stage.server.ask('receipts');
  const before = await stage.clock();
  const traffic = await run(measureMs);
  const used = await stage.since(before);
  const [publisher = 0, ...listeners] = used.nodeCpuMs.map(
    (cpuMs) => (cpuMs * 1_000) / traffic.publications,
  );
  const listener = listeners.reduce((sum, each) => sum + each, 0) / listeners.length;
  return {
    ...costsOf(used, traffic),
    ...receiptsOf(await stage.server.ask<ReceiptLatency>('receipts')),
    publisherCpu: publisher,
    ...(listeners.length > 0 ? { listenerCpu: listener } : {}),
  };
}
