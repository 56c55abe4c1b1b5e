import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { needs, ownRedisForTests, redisForTests } from './for-tests.ts';
import { removeKeys } from './redis-keyspace.ts';

const shared = await redisForTests();
const own = ownRedisForTests();

function connect(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  // What was asked of it fails by itself.
  redis.on('error', () => {});
  onTestFinished(() => redis.disconnect());
  return redis;
}

test('a keyspace is emptied without the others', needs(shared), async () => {
  const mine = shared.keyspace();
  const other = shared.keyspace();
  const redis = connect(mine.url);
  await redis.mset(`${mine.prefix}:a`, '1', `${mine.prefix}:b`, '2', `${other.prefix}:a`, '3');
  await removeKeys(mine);
  expect(await redis.mget(`${mine.prefix}:a`, `${mine.prefix}:b`, `${other.prefix}:a`)).toEqual([
    null,
    null,
    '3',
  ]);
});

test('a killed one refuses connections, and starts empty again', needs(own), async () => {
  const server = await own.start();
  const before = connect(server.url);
  await before.set('note', 'lost');
  await server.kill9();
  await expect(before.ping()).rejects.toThrow('closed');
  await expect(connect(server.url).ping()).rejects.toThrow('closed');

  await server.start();
  const after = connect(server.url);
  expect(await after.ping()).toBe('PONG');
  expect(await after.get('note')).toBeNull();
});

test('only who has its password is answered', needs(own), async () => {
  const url = new URL((await own.start()).url);
  url.password = '';
  await expect(connect(url.href).ping()).rejects.toThrow('NOAUTH');
});

test(
  'what was written after a snapshot is forgotten with it, and only then',
  needs(own),
  async () => {
    const server = await own.start();
    await server.command('SET', 'note', 'old');
    const snapshot = await server.snapshot();
    await server.command('SET', 'note', 'new');
    await server.restore(snapshot);
    expect(await server.command('GET', 'note')).toBe('old');
    await server.kill9();
    await server.start();
    expect(await server.command('GET', 'note')).toBeNull();
  },
);

test('one that keeps what it was told has it again after a kill', needs(own), async () => {
  const server = await own.start({ appendOnly: true });
  await server.command('SET', 'note', 'kept');
  await server.configure('appendfsync', 'always');
  await server.kill9();
  await server.start();
  expect(await server.command('GET', 'note')).toBe('kept');
});

test('a promoted replica and its old primary go on apart', needs(own), async () => {
  const [primary, replica] = [await own.start(), await own.start()];
  await primary.command('SET', 'note', 'shared');
  await replica.replicate(primary);
  expect(await replica.command('GET', 'note')).toBe('shared');
  await replica.promote();
  await primary.command('SET', 'note', 'of the old one');
  await replica.command('SET', 'note', 'of the new one');
  expect(await primary.command('GET', 'note')).toBe('of the old one');
  expect(await replica.command('GET', 'note')).toBe('of the new one');
});

test('a paused one keeps who writes waiting, and answers who reads', needs(own), async () => {
  const server = await own.start();
  await server.pauseClients(300, 'WRITE');
  const begin = performance.now();
  expect(await server.command('GET', 'note')).toBeNull();
  expect(performance.now() - begin).toBeLessThan(250);
  await server.command('SET', 'note', 'late');
  expect(performance.now() - begin).toBeGreaterThan(290);
});
