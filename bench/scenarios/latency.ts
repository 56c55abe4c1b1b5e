import type { Latency } from '../load/latencies.ts';
import type { Traffic } from '../load/publisher.ts';
import { type Stage, TENANT } from '../stage.ts';
import { roomOf1000 } from './fan-out.ts';
import { conditionsOf, type Effort, type Measures, type Scenario } from './scenario.ts';

/** From publish to each delivery, at steady rates. */
export const latencies: readonly Scenario[] = [10, 36].map((perSecond) => ({
  name: `latency-${perSecond}`,
  title: `latency in a room of 1,000 at ${perSecond} events/s`,
  audience: roomOf1000,
  isRepeatable: false,
  figures: ['p99Ms', 'p50Ms', 'cpuPerMillion', 'loadCores'],
  measure: (stage, effort) => measure(stage, effort, perSecond),
}));

async function measure(
  stage: Stage,
  { warmMs, measureMs }: Effort,
  perSecond: number,
): Promise<Measures> {
  const pace = async (ms: number) =>
    await stage.load.ask<Latency & Traffic>('pace', {
      tenant: TENANT,
      to: 'room',
      members: roomOf1000.connections,
      perSecond,
      ms,
    });
  await pace(warmMs);
  const before = await stage.clock();
  const { p50Ms, p99Ms, deliveries } = await pace(measureMs * 2);
  const used = await stage.since(before);
  return {
    p99Ms,
    p50Ms,
    cpuPerMillion: (used.serverCpuMs * 1_000) / deliveries,
    ...conditionsOf(used),
  };
}
