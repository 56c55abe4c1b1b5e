import { expect, onTestFinished, test } from 'vitest';
import type { Traffic } from '../load/publisher.ts';
import { peers } from '../peers.ts';
import { Stage, TENANT } from '../stage.ts';

const MEMBERS = 5;
const ROOMS = 4;
const USERS = 10;

/** Those that need nothing but this repository's install. */
const own = peers.filter(({ name }) => name !== 'bun' && name !== 'nginx-nchan');

test.each(own)('$name delivers everything to rooms', async (peer) => {
  const stage = await stageOf(peer);
  await stage.open({ connections: ROOMS * MEMBERS, rooms: ROOMS });
  const before = await stage.clock();
  const { publications, deliveries } = await stage.load.ask<Traffic>('loop', {
    tenant: TENANT,
    to: 'room',
    streams: ROOMS,
    members: MEMBERS,
    perCommand: ROOMS,
    events: 4,
    ms: 20,
  });
  const { serverCpuMs } = await stage.since(before);
  expect(publications).toBeGreaterThan(0);
  expect(deliveries).toBe(publications * MEMBERS);
  expect(serverCpuMs).toBeGreaterThan(0);
});

test.each(own)('$name delivers everything to single users', async (peer) => {
  const stage = await stageOf(peer);
  await stage.open({ connections: USERS, rooms: 0 });
  const { publications, deliveries } = await stage.load.ask<Traffic>('loop', {
    tenant: TENANT,
    to: 'user',
    streams: USERS,
    members: 1,
    perCommand: 5,
    events: 1,
    ms: 20,
  });
  expect(publications).toBeGreaterThan(0);
  expect(deliveries).toBe(publications);
});

async function stageOf(peer: (typeof own)[number]): Promise<Stage> {
  const stage = await Stage.start({ peer, setup: {} });
  onTestFinished(() => stage.stop());
  return stage;
}
