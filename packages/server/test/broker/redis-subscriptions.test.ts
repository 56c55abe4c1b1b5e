import { channelKey } from '@trunkline/contract';
import { expect, test } from 'vitest';
import { needs, ownRedisForTests, redisForTests } from '../../../../test/services/for-tests.ts';
import type { RedisServer } from '../../../../test/services/redis.ts';
import { roomChannel } from '../harness.ts';
import { keep, room } from './broker-suite.ts';
import { connect, startBroker } from './redis-harness.ts';

const shared = await redisForTests();
const own = ownRedisForTests();

async function calls(server: RedisServer, command: string): Promise<number> {
  const [, count = '0'] =
    new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await server.info('commandstats')) ?? [];
  return Number(count);
}

test(
  'what is subscribed to in one turn costs a command for a thousand channels',
  needs(own),
  async () => {
    const server = await own.start();
    const { broker, announced } = await startBroker({ connection: server.url });
    const channels = Array.from({ length: 2_500 }, (_, n) => channelKey(roomChannel(`n:${n}`)));
    await server.command('CONFIG', 'RESETSTAT');
    await Promise.all(channels.map((channel) => broker.subscribe(channel)));
    expect(await calls(server, 'subscribe')).toBe(3);
    expect(broker.stats().channels).toBe(2_500);

    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await announced.until(() => announced.resumed === 1);
    expect(await calls(server, 'subscribe')).toBe(6);

    await Promise.all(channels.map((channel) => broker.unsubscribe(channel)));
    await expect.poll(() => calls(server, 'unsubscribe')).toBe(3);
    expect(await server.command('PUBSUB', 'CHANNELS')).toEqual([]);
  },
);

test.each([
  ['commands', { shardedPubSub: true, maxInFlight: 20 }, 400],
  ['bytes', { maxInFlightBytes: 20_000 }, 4_000],
])(
  'as many channels are subscribed to, and again, as are wanted: few %s in flight do',
  needs(own),
  async (_case, options, count) => {
    const server = await own.start();
    const { broker, announced } = await startBroker({ connection: server.url, ...options });
    const channels = Array.from({ length: count }, (_, n) => channelKey(roomChannel(`n:${n}`)));
    await Promise.all(channels.map((channel) => broker.subscribe(channel)));
    expect(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1);
    await announced.until(() => announced.resumed === 1);
    for (const channel of channels.slice(-3)) await broker.publish(channel, '1', keep());
    await announced.until(() => announced.all.length === 3);
    expect(broker.stats().connectionsLost).toBe(1);
  },
);

test('what changes while it is being told ends as it was wanted last', needs(own), async () => {
  const server = await own.start();
  const { broker, announced, prefix } = await startBroker({
    connection: server.url,
    shardedPubSub: true, // a command for each slot: they take their time
  });
  const channels = Array.from({ length: 300 }, (_, n) => channelKey(roomChannel(`n:${n}`)));
  const subscribing: Promise<void>[] = [];
  for (let times = 0; times < 6; times += 1) {
    for (const channel of channels) {
      if (times % 2 === 1) await broker.unsubscribe(channel);
      else subscribing.push(broker.subscribe(channel));
    }
    await new Promise(setImmediate);
  }
  const [kept, ...gone] = channels;
  subscribing.push(broker.subscribe(kept ?? ''));
  await Promise.all(subscribing);
  const names = async () => await server.command('PUBSUB', 'SHARDCHANNELS');
  await expect.poll(names).toEqual([`${prefix}:{${kept}}`]);
  for (const channel of [...gone.slice(-2), kept ?? '']) await broker.publish(channel, '1', keep());
  await announced.of(kept ?? '', 1);
  expect(announced.all).toHaveLength(1);
});

test('a channel that is announced already costs nothing', needs(own), async () => {
  const server = await own.start();
  const { broker } = await startBroker({ connection: server.url });
  await broker.subscribe(room);
  await server.command('CONFIG', 'RESETSTAT');
  await Promise.all([broker.subscribe(room), broker.subscribe(room)]);
  expect(await calls(server, 'subscribe')).toBe(0);
});

const epoch = 'abcdefgh';
const info = '{"user":"ann","client":"c1","since":1}';

test.each([
  ['no message of ours', 'hello'],
  ['nothing', ''],
  ['another version', `2p1:${epoch}:\n1`],
  ['another kind', `1x1:${epoch}:\n1`],
  ['no offset', `1p:${epoch}:\n1`],
  ['a negative offset', `1p-1:${epoch}:\n1`],
  ['an offset that is too large', `1p${'9'.repeat(16)}:${epoch}:\n1`],
  ['an offset without an epoch', '1p1::\n1'],
  ['an epoch without an offset', `1p0:${epoch}:\n1`],
  ['an epoch of other letters', '1p1:abc/"fgh:\n1'],
  ['no data', `1p1:${epoch}:\n`],
  ['no line about it', `1p1:${epoch}:1`],
  ['data that is no JSON', `1p1:${epoch}:\n{"a":`],
  ['data of two lines, which would be two frames', `1p1:${epoch}:\n{"a":\n1}`],
  ['data with a carriage return', `1p1:${epoch}:\n[1,\r2]`],
  ['what is about it is no JSON', `1p1:${epoch}:{\n1`],
  ['what is about it is no object', `1p1:${epoch}:7\n1`],
  ['an info without a client', `1p1:${epoch}:{"info":{"user":"ann","since":1}}\n1`],
  ['an info that is null', `1p1:${epoch}:{"info":null}\n1`],
  [
    'an info with a number for a user',
    `1p1:${epoch}:{"info":{"user":1,"client":"c","since":1}}\n1`,
  ],
  [
    'an info that would break its frame',
    `1p1:${epoch}:{"info":{"user":"","client":"c","since":1,"connInfo":"}"}}\n1`,
  ],
  ['a conflation key that is no text', `1p1:${epoch}:{"conflationKey":{}}\n1`],
  ['a change of another kind', `1c{"kind":"explode","info":${info}}`],
  ['a change of nobody', '1c{"kind":"join"}'],
  ['a change that is no JSON', '1c{'],
  ['more than a message may have', `1p1:${epoch}:\n"${'x'.repeat(1_100)}"`],
])('%s from Redis is dropped and counted', needs(shared), async (_case, message) => {
  const { url, prefix } = shared.keyspace();
  const node = await startBroker({ connection: url, prefix, maxMessageLength: 1_000 });
  await node.broker.subscribe(room);
  await connect(url).publish(`${prefix}:{${room}}`, message);
  await node.broker.publish(room, '"ours"', { ...keep(), conflationKey: 'k' });
  expect(await node.announced.of(room, 1)).toEqual(['"ours"']);
  expect(node.announced.changes).toEqual([]);
  expect(node.broker.stats().malformed).toBe(1);
  expect(node.log.records).toContainEqual({
    level: 'warn',
    message: 'redis_message_dropped',
    fields: { channel: room },
  });
});

test(
  'nothing that somebody has added to what is ours goes any further',
  needs(shared),
  async () => {
    const { url, prefix } = shared.keyspace();
    const node = await startBroker({ connection: url, prefix });
    await node.broker.subscribe(room);
    const about = `{"info":{"user":"ann","client":"c1","since":1,"admin":true},"__proto__":{"a":1}}`;
    await connect(url).publish(`${prefix}:{${room}}`, `1p1:${epoch}:${about}\n1`);
    await node.announced.of(room, 1);
    expect(node.announced.all).toEqual([
      { channel: room, epoch, offset: 1, data: '1', info: { user: 'ann', client: 'c1', since: 1 } },
    ]);
  },
);

test(
  'what somebody has put into a stream is no publication, nor is what went before',
  needs(shared),
  async () => {
    const { url, prefix } = shared.keyspace();
    const node = await startBroker({ connection: url, prefix });
    const admin = connect(url);
    const stream = `${prefix}:{${room}}:stream`;
    for (const data of ['1', '2']) await node.broker.publish(room, data, keep());
    await admin.xadd(stream, '3-0', 'item', '\n{"broken":');
    await admin.hset(`${prefix}:{${room}}:meta`, 'top', 3);
    await node.broker.publish(room, '4', keep());
    const { publications, top } = await node.broker.history(room, 0);
    expect(publications).toEqual([{ data: '4', offset: 4 }]);
    expect(top.offset).toBe(4);
    expect(node.broker.stats().malformed).toBe(1);
  },
);

test('an item that is larger than a message may be is none', needs(shared), async () => {
  const { url, prefix } = shared.keyspace();
  const large = await startBroker({ connection: url, prefix });
  const node = await startBroker({ connection: url, prefix, maxMessageLength: 1_000 });
  const limits = keep({ maxBytes: 10_000 });
  await large.broker.publish(room, `"${'x'.repeat(1_100)}"`, limits);
  await large.broker.publish(room, '2', limits);
  expect((await node.broker.history(room, 0)).publications).toEqual([{ data: '2', offset: 2 }]);
  expect(node.broker.stats().malformed).toBe(1);
});

test('whoever is in the presence without being a client is nobody', needs(shared), async () => {
  const { url, prefix } = shared.keyspace();
  const { broker } = await startBroker({ connection: url, prefix });
  const admin = connect(url);
  for (const [client, value] of [
    ['a', 'x'],
    ['b', `1:{"user":1}`],
    ['c', info],
  ]) {
    await admin.hset(`${prefix}:{${room}}:present`, client, value);
    await admin.zadd(`${prefix}:{${room}}:present-until`, Date.now() + 60_000, client);
  }
  expect(await broker.presence(room)).toEqual([]);
  expect(broker.stats().malformed).toBe(3);
});

test('the channels of another prefix that begins alike are not ours', needs(shared), async () => {
  const { url, prefix } = shared.keyspace();
  const node = await startBroker({ connection: url, prefix });
  const alike = await startBroker({ connection: url, prefix: `${prefix}:x` });
  await node.broker.subscribe(room);
  await alike.broker.publish(room, '"theirs"', keep());
  await node.broker.publish(room, '"ours"', keep());
  expect(await node.announced.of(room, 1)).toEqual(['"ours"']);
});
