import { randomUUID } from 'node:crypto';
import { channelKey } from '@trunkline/contract';
import { type RedisBrokerOptions, redisBroker } from '@trunkline/server/redis';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs, ownRedisClusterForTests } from '../../../../test/services/for-tests.ts';
import type { RedisClusterServers } from '../../../../test/services/redis-cluster.ts';
import { roomChannel } from '../harness.ts';
import { describeBroker, keep, room } from './broker-suite.ts';
import { startBroker, type TestBroker } from './redis-harness.ts';
import { describeSharedBroker } from './shared-broker-suite.ts';
import { realTime } from './test-time.ts';

const own = ownRedisClusterForTests();
/** Enough that each primary has some. */
const rooms = Array.from({ length: 60 }, (_, n) => channelKey(roomChannel(`n:${n}`)));

function clusterOf(servers: RedisClusterServers): Pick<RedisBrokerOptions, 'connection'> {
  const [first] = servers.addresses;
  const options = { password: servers.password };
  return { connection: { cluster: [first], options } };
}

/** Publishes in each of the rooms; how many were refused? */
async function publishAll({ broker }: TestBroker, data: string): Promise<number> {
  const publishing = rooms.map((channel) => broker.publish(channel, data, keep()));
  const settled = await Promise.allSettled(publishing);
  return settled.filter(({ status }) => status === 'rejected').length;
}

describe('Redis Cluster', needs(own), () => {
  let servers: RedisClusterServers;
  beforeAll(async () => {
    servers = await own.start();
  });

  const system = () => {
    const prefix = `test-${randomUUID()}`;
    return () => redisBroker({ ...clusterOf(servers), prefix });
  };
  describeBroker('RedisBroker on a cluster', { create: () => system()(), time: realTime });
  describeSharedBroker('RedisBroker on a cluster', system);

  test('each node takes its share of the channels, and announces it', async () => {
    const node = await startBroker(clusterOf(servers));
    await Promise.all(rooms.map((channel) => node.broker.subscribe(channel)));
    await publishAll(node, '1');
    for (const server of servers.primaries) {
      expect(await server.command('DBSIZE')).toBeGreaterThan(10);
      expect(await server.command('PUBSUB', 'SHARDCHANNELS')).not.toEqual([]);
      expect(await server.command('PUBSUB', 'CHANNELS')).toEqual([]);
    }
  });

  test('without sharded pub/sub it works, too', async () => {
    const options = { ...clusterOf(servers), shardedPubSub: false };
    const [node, other] = [await startBroker(options), await startBroker(options)];
    await Promise.all(rooms.map((channel) => node.broker.subscribe(channel)));
    await publishAll(node, '1');
    await node.announced.until(() => node.announced.all.length === rooms.length);
    expect(other.announced.all).toEqual([]);
  });

  test('a node that is not there is passed over, if another one is', async () => {
    const { options } = clusterOf(servers).connection as { options: object };
    const cluster = [{ host: '127.0.0.1', port: 1 }, ...servers.addresses];
    const { broker } = await startBroker({ connection: { cluster, options } });
    expect(await broker.publish(room, '1', keep())).toMatchObject({ offset: 1 });
  });

  test('a node that is reached elsewhere than it says is looked for there', async () => {
    const { options } = clusterOf(servers).connection as { options: object };
    const elsewhere = servers.addresses.map(({ port }) => ({ host: 'localhost', port }));
    const natMap = Object.fromEntries(elsewhere.map((at) => [`127.0.0.1:${at.port}`, at]));
    const { broker } = await startBroker({ connection: { cluster: elsewhere, options, natMap } });
    await Promise.all(rooms.map((channel) => broker.publish(channel, '1', keep())));
    await expect(
      startBroker({
        connection: {
          cluster: elsewhere,
          options,
          natMap: Object.fromEntries(
            elsewhere.map(({ port }) => [`127.0.0.1:${port}`, { host: 'localhost', port: 1 }]),
          ),
        },
      }),
    ).rejects.toThrow('not connected');
  });

  test('a user who is allowed what the documentation says can do everything', async () => {
    const prefix = `test-${randomUUID()}`;
    const rights =
      '-@all +@read +@write +@pubsub +@scripting +@connection -@dangerous +info +time +wait +cluster|info +cluster|slots';
    for (const server of servers.primaries) {
      const user = ['on', '>secret', `~${prefix}:*`, `&${prefix}:*`, ...rights.split(' ')];
      await server.command('ACL', 'SETUSER', 'trunkline', ...user);
    }
    const options = { username: 'trunkline', password: 'secret' };
    const connection = { cluster: servers.addresses, options };
    const node = await startBroker({ connection, prefix });
    await Promise.all(rooms.map((channel) => node.broker.subscribe(channel)));
    expect(await publishAll(node, '1')).toBe(0);
    await node.announced.until(() => node.announced.all.length === rooms.length);
  });

  test('which replicas have confirmed cannot be told', async () => {
    const { broker } = await startBroker(clusterOf(servers));
    const durable = { ...keep(), replicas: 1 };
    await expect(broker.publish(room, '1', durable)).rejects.toThrow('Not published: replicas: 1');
    expect((await broker.history(room, null)).top.offset).toBe(0);
  });
});

test('a slot that moves while its channel is in use is followed', needs(own), async () => {
  const servers = await own.start();
  const [from, to] = servers.primaries;
  const node = await startBroker(clusterOf(servers));
  await Promise.all(rooms.map((channel) => node.broker.subscribe(channel)));
  expect(await publishAll(node, '1')).toBe(0);
  const ids = [await from.command('CLUSTER', 'MYID'), await to.command('CLUSTER', 'MYID')];
  const [fromId, toId] = ids.map(String);
  const name = (channel: string) => `${node.prefix}:{${channel}}`;
  const slots = await Promise.all(rooms.map((at) => to.command('CLUSTER', 'KEYSLOT', name(at))));
  const moving = slots.findIndex((slot) => Number(slot) < 16_384 / 3);
  const slot = Number(slots[moving]);

  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
  expect(await publishAll(node, '1')).toBe(0); // what is still there can be written there
  const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as string[];
  expect(keys.length).toBeGreaterThanOrEqual(2);
  const where = ['127.0.0.1', to.port, '', 0, 5_000, 'AUTH', servers.password];
  await from.command('MIGRATE', ...where, 'KEYS', ...keys);
  const between = await publishAll(node, '2');
  expect(between).toBeGreaterThan(0); // neither of the two has it all
  for (const server of servers.primaries) {
    await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
  }
  await expect.poll(() => publishAll(node, '3'), { timeout: 10_000 }).toBe(0);
  await expect
    .poll(async () => {
      await node.broker.publish(rooms[moving], '4', keep());
      return node.announced.data(rooms[moving]);
    })
    .toContain('4');
  expect(node.announced.resumed).toBeGreaterThan(0);
});

test('a slot that moves away and comes back at once is announced again', needs(own), async () => {
  const servers = await own.start();
  const [from, to] = servers.primaries;
  const node = await startBroker(clusterOf(servers));
  await Promise.all(rooms.map((channel) => node.broker.subscribe(channel)));
  const [fromId, toId] = [
    await from.command('CLUSTER', 'MYID'),
    await to.command('CLUSTER', 'MYID'),
  ];
  const name = (channel: string) => `${node.prefix}:{${channel}}`;
  const slots = await Promise.all(rooms.map((at) => to.command('CLUSTER', 'KEYSLOT', name(at))));
  const moving = slots.findIndex((slot) => Number(slot) < 16_384 / 3);
  const announced = async () =>
    ((await from.command('PUBSUB', 'SHARDCHANNELS')) as string[]).toSorted();
  const before = await announced();
  expect(before).toContain(name(rooms[moving] ?? ''));

  // Whoever looks at who is responsible finds nothing changed, and Redis has unsubscribed it.
  for (const id of [toId, fromId]) {
    await from.command('CLUSTER', 'SETSLOT', Number(slots[moving]), 'NODE', String(id));
  }
  await node.announced.until(() => node.announced.resumed > 0);
  await expect.poll(announced, { timeout: 10_000 }).toEqual(before);
});

test('a primary that dies is replaced by its replica', needs(own), async () => {
  const servers = await own.start();
  const [, dying] = servers.primaries;
  await servers.addReplica(dying);
  const node = await startBroker(clusterOf(servers));
  await Promise.all(rooms.map((channel) => node.broker.subscribe(channel)));
  expect(await publishAll(node, '1')).toBe(0);
  const before = await node.broker.tops(rooms);
  await dying.kill9();
  const refused = await publishAll(node, '2');
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(rooms.length); // the others' channels do not notice
  await expect.poll(() => publishAll(node, '3'), { timeout: 20_000 }).toBe(0);
  await node.announced.until(() => node.announced.resumed > 0);
  expect(await publishAll(node, '"last"')).toBe(0);
  await node.announced.until(() =>
    rooms.every((channel) => node.announced.data(channel).includes('"last"')),
  );
  const after = await node.broker.tops(rooms);
  const renewed = after.filter((top, n) => top?.epoch !== before[n]?.epoch);
  expect(renewed.length).toBeGreaterThan(0); // another history of data: those begin new lives
  expect(renewed.length).toBeLessThan(rooms.length);
});
