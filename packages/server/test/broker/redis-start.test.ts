import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { type RedisBrokerOptions, redisBroker } from '@trunkline/server/redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { needs, ownRedisForTests } from '../../../../test/services/for-tests.ts';
import type { RedisServer } from '../../../../test/services/redis.ts';
import { Announcements } from './announcements.ts';
import { keep, room } from './broker-suite.ts';
import { startBroker } from './redis-harness.ts';

const own = ownRedisForTests();
const PREFIX = 'test';
/** As the documentation says what a user must be allowed. */
const ALLOWED =
  '-@all +@read +@write +@pubsub +@scripting +@connection -@dangerous +info +wait +time'.split(' ');

describe('options that are wrong are refused at once', () => {
  const connection = 'redis://127.0.0.1:1';
  test.each<[string, unknown, string]>([
    ['no prefix', { connection }, 'prefix is 1 to 64'],
    ['an empty prefix', { connection, prefix: '' }, 'prefix is 1 to 64'],
    ['a prefix with a brace', { connection, prefix: 'a{b}' }, 'prefix is 1 to 64'],
    ['a prefix that is too long', { connection, prefix: 'a'.repeat(65) }, 'prefix is 1 to 64'],
    ['an unknown fence', { connection, prefix: 'a', epochFence: 'loose' }, "'strict' or 'off'"],
    ['no time', { connection, prefix: 'a', commandTimeoutMs: 0 }, 'commandTimeoutMs is'],
    ['no end', { connection, prefix: 'a', commandTimeoutMs: Infinity }, 'commandTimeoutMs is at'],
    ['half a command', { connection, prefix: 'a', maxInFlight: 1.5 }, 'maxInFlight is a whole'],
    ['half a byte', { connection, prefix: 'a', maxInFlightBytes: 9.5 }, 'maxInFlightBytes is a'],
    ['nothing in flight', { connection, prefix: 'a', maxInFlight: NaN }, 'maxInFlight is'],
    ['a keyPrefix', { connection: { keyPrefix: 'a:' }, prefix: 'a' }, 'give prefix: "a:"'],
    ['an empty cluster', { connection: { cluster: [] }, prefix: 'a' }, 'at least one node'],
    [
      'a cluster with a subscriber of its own',
      {
        connection: { cluster: [{ host: 'a', port: 1 }] },
        subscriberConnection: connection,
        prefix: 'a',
      },
      'subscriberConnection is not for a Redis Cluster',
    ],
  ])('%s', (_case, options, message) => {
    expect(() => redisBroker(options as RedisBrokerOptions)).toThrow(message);
  });
});

/** A user of this Redis, and the URL to be it. */
async function userOf(server: RedisServer, rights: readonly string[]): Promise<string> {
  const all = ['on', '>secret', `~${PREFIX}:*`, `&${PREFIX}:*`, ...rights];
  await server.command('ACL', 'SETUSER', 'trunkline', 'reset', ...all);
  const url = new URL(server.url);
  url.username = 'trunkline';
  url.password = 'secret';
  return url.href;
}

async function startError(options: Omit<RedisBrokerOptions, 'prefix'>): Promise<string> {
  const broker = redisBroker({ prefix: PREFIX, ...options });
  onTestFinished(() => broker.stop());
  try {
    await broker.start(new Announcements());
  } catch (error) {
    return (error as Error).message;
  }
  return 'started';
}

test(
  'a user who is allowed what the documentation says can do everything',
  needs(own),
  async () => {
    const server = await own.start();
    const url = await userOf(server, ALLOWED);
    const { broker, announced } = await startBroker({ connection: url, prefix: PREFIX });
    await broker.subscribe(room);
    await broker.publish(room, '1', keep());
    expect(await announced.of(room, 1)).toEqual(['1']);
  },
);

test.each([
  ['-info', /epoch fence cannot read INFO.*ACL SETUSER/],
  ['-publish', /ACL SETUSER/],
  ['-subscribe', /ACL SETUSER/],
  ['-evalsha', /ACL SETUSER/],
  ['-script', /ACL SETUSER/],
  ['-xadd', /ACL SETUSER/],
  ['-zadd', /ACL SETUSER/],
  ['resetchannels', /ACL SETUSER/],
  ['resetkeys', /ACL SETUSER/],
])(
  'a user without a right (%s) cannot start, and is told what is missing',
  needs(own),
  async (right, message) => {
    const server = await own.start();
    const url = await userOf(server, [...ALLOWED, right]);
    const begin = performance.now();
    expect(await startError({ connection: url })).toMatch(message);
    expect(performance.now() - begin).toBeLessThan(4_000);
  },
);

test('without the fence nobody needs to be allowed INFO', needs(own), async () => {
  const server = await own.start();
  const url = await userOf(server, [...ALLOWED, '-info']);
  expect(await startError({ connection: url, epochFence: 'off' })).toBe('started');
});

test(
  'rights that are taken away later are an error each, and no false acknowledgement',
  needs(own),
  async () => {
    const server = await own.start();
    const url = await userOf(server, ALLOWED);
    const { broker, announced, log } = await startBroker({ connection: url, prefix: PREFIX });
    await broker.subscribe(room);
    const { epoch } = await broker.publish(room, '1', keep());

    await server.command('ACL', 'SETUSER', 'trunkline', '-info');
    await expect(broker.publish(room, '2', keep())).rejects.toMatchObject({
      name: 'BrokerUnavailableError',
      message: expect.stringContaining('epoch fence cannot read INFO'),
    });
    await expect(broker.history(room, 0)).rejects.toThrow('epoch fence cannot read INFO');
    await server.command('ACL', 'SETUSER', 'trunkline', '+info');
    expect((await broker.history(room, 0)).top).toEqual({ epoch, offset: 1 });

    // What is kept is found by the nodes that look for it; what is not would be lost.
    await server.command('ACL', 'SETUSER', 'trunkline', '-publish');
    expect(await broker.publish(room, '2', keep())).toEqual({ epoch, offset: 2 });
    expect((await broker.history(room, 1)).publications).toEqual([{ data: '2', offset: 2 }]);
    expect(broker.stats().unannounced).toBe(1);
    expect(log.records.map(({ message }) => message)).toContain('redis_publication_not_announced');
    for (const unkept of [{ history: null }, { history: null, idempotencyKey: 'k' }]) {
      await expect(broker.publish(room, '"v"', unkept)).rejects.toMatchObject({
        name: 'BrokerUnavailableError',
        message: expect.stringContaining('ACL SETUSER'),
      });
    }
    await server.command('ACL', 'SETUSER', 'trunkline', '+publish');
    await broker.publish(room, '"v"', { history: null, idempotencyKey: 'k' });
    expect(await announced.of(room, 2)).toEqual(['1', '"v"']);
  },
);

test('a wrong password is told at once', needs(own), async () => {
  const server = await own.start();
  const url = new URL(server.url);
  url.password = 'wrong';
  const begin = performance.now();
  expect(await startError({ connection: url.href })).toMatch(/user or password is wrong/);
  url.password = '';
  expect(await startError({ connection: url.href })).toMatch(/wants a password/);
  expect(performance.now() - begin).toBeLessThan(4_000);
});

test('no error holds the password, or what was published', needs(own), async () => {
  const server = await own.start();
  const url = new URL(server.url);
  url.password = 'a-wrong-password';
  const connections = [
    url.href,
    { cluster: [{ host: '127.0.0.1', port: server.port }], options: { password: url.password } },
  ];
  for (const connection of connections) {
    const broker = redisBroker({ connection, prefix: PREFIX });
    const error = await broker.start(new Announcements()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(url.password);
  }
  const { broker } = await startBroker({ connection: server.url, prefix: PREFIX });
  await server.configure('maxmemory', '1');
  const refused = await broker.publish(room, '"confidential"', keep()).catch((error) => error);
  expect(refused.name).toBe('BrokerUnavailableError');
  await server.configure('maxmemory', '0');
  server.pause();
  const publishing = broker.publish(room, '"confidential"', keep()).catch((error) => error);
  await server.kill9();
  const lost = await publishing;
  expect(lost.name).toBe('PublishTimeoutError');
  for (const error of [refused, lost]) {
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('confidential');
  }
});

test('a replica is no place to publish', needs(own), async () => {
  const [primary, replica] = [await own.start(), await own.start()];
  await replica.replicate(primary);
  expect(await startError({ connection: replica.url })).toMatch(/it is a replica: connect to/);
});

test('a Redis that is not there is waited for, not for ever', needs(own), async () => {
  const server = await own.start();
  await server.kill9();
  const begin = performance.now();
  expect(await startError({ connection: server.url })).toMatch(/not connected.*ECONNREFUSED/);
  expect(performance.now() - begin).toBeLessThan(7_000);

  const starting = startError({ connection: server.url });
  await server.start();
  expect(await starting).toBe('started');
});

test('announcements that come from elsewhere are no announcements', needs(own), async () => {
  const [server, elsewhere] = [await own.start(), await own.start()];
  const connections = { connection: server.url, subscriberConnection: elsewhere.url };
  expect(await startError({ ...connections, commandTimeoutMs: 300 })).toMatch(/does not announce/);
});

test('one without a cluster cannot be asked for it', needs(own), async () => {
  const server = await own.start();
  const cluster = [{ host: '127.0.0.1', port: server.port }];
  const options = { password: server.password };
  expect(await startError({ connection: { cluster, options } })).toMatch(
    /None of the Redis Cluster answers CLUSTER SLOTS.*cluster support disabled/,
  );
});

test('a process ends by itself when its broker has stopped', needs(own), async () => {
  const server = await own.start();
  const script = `
    const { redisBroker } = await import('@trunkline/server/redis');
    const broker = redisBroker({ connection: ${JSON.stringify(server.url)}, prefix: '${PREFIX}' });
    await broker.start({ onPublication: () => {} });
    await broker.subscribe('a');
    await broker.publish('a', '1', { history: { size: 1, ttlMs: 1000, maxBytes: 1000 } });
    await broker.stop();
    console.log('stopped');
  `;
  const args = ['--conditions=@trunkline/source', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, args, {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const stoppedAt = performance.now();
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(performance.now() - stoppedAt).toBeLessThan(1_500);
});
