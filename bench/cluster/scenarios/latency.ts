import type { Latency } from '../../load/latencies.ts';
import type { PaceOptions, Traffic } from '../../load/publisher.ts';
import type { Effort, Measures, Scenario } from '../../scenarios/scenario.ts';
import type { ReceiptLatency } from '../../servers/receipts.ts';
import { type Audience, type Stage, TENANT } from '../../stage.ts';
import { costsOf } from '../costs.ts';
import { roomOf100, roomsOf100 } from './audiences.ts';

type Work = Pick<PaceOptions, 'streams' | 'members' | 'perSecond'> & {
  /** Times as long as other measurements: seldom events need it for a p99. */
  readonly times: number;
};

/** From a send to its receipt and to its last subscriber, at steady rates. */
export const latencies: readonly Scenario[] = [
  steady('latency-50', 'a room of 100 at 50 events/s', roomOf100, {
    streams: 1,
    members: 100,
    perSecond: 50,
    times: 4,
  }),
  steady('flood', 'a room of 100 at 1,000 events/s', roomOf100, {
    streams: 1,
    members: 100,
    perSecond: 1_000,
    times: 2,
  }),
];

/** The same at rates that rise until nothing more goes. */
export const rates: readonly Scenario[] = [500, 1_000, 2_000].map((perSecond) => {
  const name = perSecond.toLocaleString('en');
  const work = { streams: 10, members: 100, perSecond, times: 2 };
  const title = `10 rooms of 100 at ${name} events/s together`;
  return {
    ...steady(`rate-${perSecond}`, title, roomsOf100, work),
    figures: [
      'cpuPerMillion',
      'deliveriesPerSecond',
      'lastP50Ms',
      'lastP99Ms',
      'nodeCores',
      'redisCores',
      'loadCores',
    ],
  };
});

function steady(name: string, title: string, audience: Audience, work: Work): Scenario {
  return {
    name,
    title,
    audience,
    isRepeatable: false,
    figures: ['lastP99Ms', 'lastP50Ms', 'receiptP50Ms', 'receiptP99Ms', 'nodeCores', 'loadCores'],
    measure: (stage, effort) => measure(stage, effort, work),
  };
}

async function measure(
  stage: Stage,
  { warmMs, measureMs }: Effort,
  { times, ...work }: Work,
): Promise<Measures> {
  const pace = async (ms: number) =>
    await stage.load.ask<Latency & Traffic>('pace', {
      tenant: TENANT,
      to: 'room',
      ...work,
      isTimed: true,
      ms,
    });
  await pace(warmMs);
  await stage.server.ask('receipts');
  const before = await stage.clock();
  const { p50Ms, p99Ms, lastP50Ms, lastP99Ms, ...traffic } = await pace(measureMs * times);
  const used = await stage.since(before);
  const receipts = await stage.server.ask<ReceiptLatency>('receipts');
  return {
    ...{ p50Ms, p99Ms, lastP50Ms, lastP99Ms },
    ...receiptsOf(receipts),
    ...costsOf(used, traffic),
  };
}

/** Nothing for a server that gives no receipts. */
export function receiptsOf({ count, p50Ms, p99Ms }: ReceiptLatency): Measures {
  return count === 0 ? {} : { receiptP50Ms: p50Ms, receiptP99Ms: p99Ms };
}
