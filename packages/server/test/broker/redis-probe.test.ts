import { MemoryBroker } from '@trunkline/server';
import { expect, test } from 'vitest';
import { RedisKeys } from '../../src/broker/redis-keys.ts';
import { settingsOf } from '../../src/broker/redis-options.ts';
import { probe } from '../../src/broker/redis-probe.ts';
import { RedisShard } from '../../src/broker/redis-shard.ts';

test('a shard that is responsible for nothing is not probed', async () => {
  const settings = settingsOf({ connection: 'redis://127.0.0.1:1', prefix: 'test' });
  const nothing = () => {};
  const shard = new RedisShard({
    settings,
    address: null,
    scripts: [],
    counts: { connectionsLost: 0, lateAnswers: 0, refusals: 0, malformed: 0, unannounced: 0 },
    resubscribe: async () => {},
    onMessage: nothing,
    onUp: nothing,
    onSilent: nothing,
    onMoved: nothing,
    onDoubt: nothing,
  });
  // It is not connected: whatever it is asked is refused.
  const options = { broker: new MemoryBroker(), settings, keys: new RedisKeys('test'), shard };
  const probing = (owner: RedisShard | null) =>
    probe({ ...options, shardOf: () => owner, listen: nothing });
  await expect(probing(shard)).rejects.toThrow('Redis is not connected');
  await probing(null);
  await shard.stop();
});
