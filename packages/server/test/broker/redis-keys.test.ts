import { channelKey } from '@trunkline/contract';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, test } from 'vitest';
import { needs, redisForTests } from '../../../../test/services/for-tests.ts';
import { roomChannel } from '../harness.ts';
import { client } from './announcements.ts';
import { keep } from './broker-suite.ts';
import { connect, startBroker, type TestBroker } from './redis-harness.ts';

const redis = await redisForTests();
const channel = channelKey(roomChannel('chat:1'));
const DAY_MS = 24 * 60 * 60 * 1000;

describe('what is kept in Redis', needs(redis), () => {
  let node: TestBroker;
  let admin: Redis;
  let keysOf: (pattern: string) => Promise<string[]>;

  beforeEach(async () => {
    const { url, prefix } = redis.keyspace();
    node = await startBroker({ connection: url, prefix });
    admin = connect(url);
    keysOf = async (pattern) => (await admin.keys(pattern)).toSorted();
  });

  const useAll = async () => {
    const { broker } = node;
    await broker.subscribe(channel);
    await broker.publish(channel, '1', { ...keep(), idempotencyKey: 'k' });
    await broker.publish(channel, '2', { history: null, idempotencyKey: 'u' });
    await broker.broadcast(channel, { kind: 'join', info: client('c1') });
    await broker.addPresence(channel, client('c1'), 60_000);
    await broker.addJoin('acme/ann', 'chat:1');
    await broker.revoke('u:ann', 1_000, 60_000);
  };

  test('a broker that has only started has left nothing', async () => {
    expect(await keysOf(`${node.prefix}*`)).toEqual([]);
  });

  test('every key begins with the prefix and has the hash tag of its channel, user or subject', async () => {
    await useAll();
    expect(await keysOf(`${node.prefix}*`)).toEqual(
      [
        `${node.prefix}:{${channel}}:meta`,
        `${node.prefix}:{${channel}}:once:k`,
        `${node.prefix}:{${channel}}:once:u`,
        `${node.prefix}:{${channel}}:present`,
        `${node.prefix}:{${channel}}:present-until`,
        `${node.prefix}:{${channel}}:stream`,
        `${node.prefix}:{acme/ann}:joins`,
        `${node.prefix}:{u:ann}:revoked`,
      ].toSorted(),
    );
    expect(await admin.pubsub('CHANNELS', `${node.prefix}*`)).toEqual([
      `${node.prefix}:{${channel}}`,
    ]);
  });

  test('whatever is kept goes by itself, but the joins', async () => {
    await useAll();
    const ttls: Record<string, number> = {};
    for (const key of await keysOf(`${node.prefix}*`)) {
      ttls[key.slice(key.lastIndexOf('}') + 2)] = await admin.pttl(key);
    }
    const within = (ms: number) => expect.toSatisfy((ttl: number) => ttl > ms * 0.8 && ttl <= ms);
    expect(ttls).toEqual({
      meta: within(7 * DAY_MS),
      stream: within(60_000),
      'once:k': within(300_000),
      'once:u': within(300_000),
      present: within(60_000),
      'present-until': within(60_000),
      joins: -1,
      revoked: within(60_000),
    });
  });

  test('nothing is left of what was taken back', async () => {
    const { broker } = node;
    await broker.addPresence(channel, client('c1'), 60_000);
    await broker.removePresence(channel, 'c1');
    await broker.addJoin('acme/ann', 'chat:1');
    await broker.removeJoin('acme/ann', 'chat:1');
    expect(await keysOf(`${node.prefix}*`)).toEqual([]);
  });

  test('what a stream is, is refreshed by whoever reads it', async () => {
    const { broker } = node;
    const meta = `${node.prefix}:{${channel}}:meta`;
    const { epoch } = await broker.publish(channel, '1', keep());
    for (const read of [
      () => broker.history(channel, null),
      () => broker.tops([channel]),
      () => broker.publish(channel, '2', keep()),
    ]) {
      await admin.pexpire(meta, 60_000);
      await read();
      expect(await admin.pttl(meta)).toBeGreaterThan(6 * DAY_MS);
    }
    expect((await broker.history(channel, null)).top.epoch).toBe(epoch);
  });

  test('who is present for long keeps the others’ time from ending the key', async () => {
    const { broker } = node;
    await broker.addPresence(channel, client('long'), 60_000);
    await broker.addPresence(channel, client('brief'), 1_000);
    expect(await admin.pttl(`${node.prefix}:{${channel}}:present`)).toBeGreaterThan(50_000);
  });

  test('who was not named again goes from the key, too, with the next one who comes', async () => {
    const { broker } = node;
    await broker.addPresence(channel, client('gone'), 1);
    await expect.poll(() => broker.presence(channel)).toEqual([]);
    await broker.addPresence(channel, client('here'), 60_000);
    expect(await admin.hkeys(`${node.prefix}:{${channel}}:present`)).toEqual(['here']);
  });

  test('a stream has the publications under their offsets', async () => {
    const { broker } = node;
    await broker.publish(channel, '{"n":1}', keep());
    await broker.publish(channel, '2', { ...keep(), conflationKey: 'k' });
    expect(await admin.xrange(`${node.prefix}:{${channel}}:stream`, '-', '+')).toEqual([
      ['1-0', ['item', '\n{"n":1}']],
      ['2-0', ['item', '{"conflationKey":"k"}\n2']],
    ]);
  });

  test('an epoch fence that is off asks for nothing that a restart changes', async () => {
    const { url, prefix } = redis.keyspace();
    const { broker } = await startBroker({ connection: url, prefix, epochFence: 'off' });
    await broker.publish(channel, '1', keep());
    expect(await admin.hget(`${prefix}:{${channel}}:meta`, 'replid')).toBe('');
  });
});
