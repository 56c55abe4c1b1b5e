import { setTimeout as sleep } from 'node:timers/promises';
import type { Recovery } from '../load/recovery.ts';
import { RIVAL } from '../peers.ts';
import { type Stage, TENANT } from '../stage.ts';
import { conditionsOf, type Measures, type Scenario } from './scenario.ts';

const CLIENTS = 5_000;
const ROOMS = 5;
/** Events before the cut: a Socket.IO client that has heard nothing cannot recover. */
const BEFORE = 5;
const MISSED = 20;
/** On their way at once: no more than a server that was told nothing lets wait for its accept. */
const CONCURRENCY = 500;
/** Until the server knows that they are gone. */
const GONE_MS = 1_500;

/** All clients are cut at once, miss events, and come back at once. */
export const recovery: Scenario = {
  name: 'recovery',
  title: '5,000 clients, cut at once, recover 20 events each',
  audience: null,
  setup: { recovers: true },
  peers: ['trunkline', 'nestjs-trunkline', 'socket.io', RIVAL],
  isRepeatable: false,
  figures: ['recoveryMs', 'p50Ms', 'p99Ms', 'cpuPerConnection', 'loadCores'],
  measure: async (stage) => await measure(stage),
};

async function measure(stage: Stage): Promise<Measures> {
  await stage.open({ connections: CLIENTS, rooms: ROOMS, comesBack: true });
  const stream = { tenant: TENANT, to: 'room' as const };
  await stage.load.ask('loop', {
    ...stream,
    streams: ROOMS,
    members: CLIENTS / ROOMS,
    perCommand: ROOMS,
    events: BEFORE,
    ms: 1,
  });
  await stage.load.ask('cut');
  await sleep(GONE_MS);
  await stage.publish({ ...stream, first: 0, count: ROOMS, events: MISSED });
  const before = await stage.clock();
  const back = await stage.load.ask<Recovery>('comeBack', {
    concurrency: CONCURRENCY,
    upTo: BEFORE + MISSED,
  });
  const used = await stage.since(before);
  return {
    recoveryMs: back.ms,
    p50Ms: back.p50Ms,
    p99Ms: back.p99Ms,
    cpuPerConnection: (used.serverCpuMs * 1_000) / CLIENTS,
    ...conditionsOf(used),
  };
}
