import { expect, onTestFinished, test } from 'vitest';
import { needs, ownRedisForTests } from '../../test/services/for-tests.ts';
import { clusterPeers } from '../cluster/peers.ts';
import type { Traffic } from '../load/publisher.ts';
import { Stage, TENANT } from '../stage.ts';

const MEMBERS = 6;
const ROOMS = 6;

const redis = ownRedisForTests();

test.each(clusterPeers)(
  '$name delivers everything, whichever node publishes it',
  needs(redis),
  async (peer) => {
    const stage = await Stage.start({ peer, setup: {} });
    onTestFinished(() => stage.stop());
    await stage.open({ connections: ROOMS * MEMBERS, rooms: ROOMS });
    const before = await stage.clock();
    const { publications, deliveries } = await stage.load.ask<Traffic>('loop', {
      tenant: TENANT,
      to: 'room',
      streams: ROOMS,
      members: MEMBERS,
      perCommand: ROOMS,
      events: 2,
      ms: 20,
    });
    const used = await stage.since(before);
    expect(publications).toBeGreaterThan(0);
    expect(deliveries).toBe(publications * MEMBERS);
    expect(used.nodeCpuMs).toHaveLength(peer.nodes);
    for (const cpuMs of used.nodeCpuMs) expect(cpuMs).toBeGreaterThan(0);
    if (peer.isOnRedis) expect(used.redis?.commands.get('xadd')).toBe(publications);
  },
);
