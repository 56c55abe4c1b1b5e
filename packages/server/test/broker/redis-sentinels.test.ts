import { expect, onTestFinished, test } from 'vitest';
import { needs, ownRedisForTests } from '../../../../test/services/for-tests.ts';
import type { RedisServer } from '../../../../test/services/redis-server.ts';
import { startSentinel } from '../../../../test/services/sentinel.ts';
import { keep, room } from './broker-suite.ts';
import { startBroker } from './redis-harness.ts';

const own = ownRedisForTests();
const name = 'group';

/** Watches a primary and its replica; ends with the test. */
async function watch(primary: RedisServer): Promise<RedisServer> {
  const sentinel = await startSentinel({ name, primary, quorum: 1 });
  if ('missing' in sentinel) throw new Error(sentinel.missing);
  onTestFinished(() => sentinel.stop());
  await expect
    .poll(async () => await sentinel.command('SENTINEL', 'REPLICAS', name), { timeout: 10_000 })
    .toHaveLength(1);
  return sentinel;
}

test('a failover is followed as soon as a Sentinel tells of it, before the old primary knows', {
  ...needs(own),
  timeout: 60_000,
}, async () => {
  const primary = await own.start();
  const replica = await own.start({ sibling: primary });
  await primary.configure('masterauth', primary.password);
  await replica.replicate(primary);
  const sentinel = await watch(primary);
  const { password } = sentinel;
  const sentinels = [{ host: '127.0.0.1', port: sentinel.port }];
  const connection = { sentinels, name, password, sentinelPassword: password };
  const { broker, prefix, log } = await startBroker({ connection });
  await broker.subscribe(room);
  await broker.publish(room, '1', keep());

  // It has to look at the replica first.
  const failOver = async () => await sentinel.command('SENTINEL', 'FAILOVER', name).catch(String);
  await expect.poll(failOver, { timeout: 15_000 }).toBe('OK');
  const subscribed = async () => await replica.command('PUBSUB', 'CHANNELS');
  await expect.poll(subscribed, { timeout: 8_000 }).toContain(`${prefix}:{${room}}`);
  await expect.poll(() => broker.stats().isConnected).toBe(true);
  await broker.publish(room, '2', keep());
  expect(await replica.command('XLEN', `${prefix}:{${room}}:stream`)).toBe(1);
  expect(await primary.info('replication')).toContain('role:master');
  expect(log.records.map(({ message }) => message)).toContain('redis_primary_switched');
});
