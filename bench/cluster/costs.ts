import type { Traffic } from '../load/publisher.ts';
import { conditionsOf, type Measures } from '../scenarios/scenario.ts';
import type { Used } from '../stage.ts';

/** What traffic has cost, by process. */
export function costsOf(used: Used, { publications, deliveries, ms }: Traffic): Measures {
  const { serverCpuMs, redis } = used;
  const perEvent = (amount: number) => amount / publications;
  return {
    eventsPerSecond: (publications * 1_000) / ms,
    deliveriesPerSecond: (deliveries * 1_000) / ms,
    cpuPerMillion: (serverCpuMs * 1_000) / deliveries,
    nodeCores: serverCpuMs / used.ms,
    ...(redis && {
      redisCores: redis.cpuMs / used.ms,
      redisCpuPerEvent: perEvent(redis.cpuMs * 1_000),
      redisInBytes: perEvent(redis.inBytes),
      redisOutBytes: perEvent(redis.outBytes),
      commands: commandsPer(publications, used),
    }),
    ...conditionsOf(used),
  };
}

/** Calls of each command of Redis, per so many times of something. */
export function commandsPer(times: number, { redis }: Used): Record<string, number> {
  const calls = [...(redis?.commands ?? [])].map(([name, count]) => [name, count / times] as const);
  return Object.fromEntries(calls);
}
