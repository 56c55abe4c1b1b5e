import { setTimeout as sleep } from 'node:timers/promises';
import type { Latency } from '../load/latencies.ts';
import type { Traffic } from '../load/publisher.ts';
import { RIVAL } from '../peers.ts';
import type { Stage } from '../stage.ts';
import { conditionsOf, type Effort, type Measures, type Scenario } from './scenario.ts';

const CALM = { tenant: 'calm', connections: 50, perSecond: 50 };
/** More than any of the servers could deliver. */
const NOISY = { tenant: 'noisy', connections: 1_000, perSecond: 300 };
/** Until the flood is felt. */
const RISE_MS = 1_000;

/** What one tenant feels while another floods its own room, the limits as an app has them. */
export const neighbour: Scenario = {
  name: 'neighbour',
  title: `p99 of a room of ${CALM.connections} while another tenant floods a room of 1,000`,
  audience: null,
  setup: { keepsLimits: true },
  peers: ['trunkline', 'nestjs-trunkline', 'socket.io', RIVAL],
  isRepeatable: false,
  figures: ['p99Ms', 'calmP99Ms', 'floodPerSecond'],
  measure,
};

async function measure(stage: Stage, { measureMs }: Effort): Promise<Measures> {
  const ms = measureMs * 8;
  const noisy = stage.newLoad();
  await noisy.ask('giveWay');
  await stage.open({ ...CALM, rooms: 1 });
  await stage.open({ ...NOISY, rooms: 1 }, noisy);
  const pace = async () =>
    await stage.load.ask<Latency & Traffic>('pace', {
      tenant: CALM.tenant,
      to: 'room',
      members: CALM.connections,
      perSecond: CALM.perSecond,
      ms,
    });
  const calm = await pace();
  const { tenant, perSecond } = NOISY;
  const flooding = noisy.ask('flood', { tenant, to: 'room', perSecond, ms: ms + RISE_MS });
  await sleep(RISE_MS);
  const floodBefore = await noisy.ask<number>('deliveries');
  const before = await stage.clock();
  const felt = await pace();
  const used = await stage.since(before);
  const flooded = (await noisy.ask<number>('deliveries')) - floodBefore;
  await flooding;
  return {
    p99Ms: felt.p99Ms,
    calmP99Ms: calm.p99Ms,
    floodPerSecond: (flooded * 1_000) / felt.ms,
    ...conditionsOf(used),
  };
}
