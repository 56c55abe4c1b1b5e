import { redisBroker } from '@trunkline/server/redis';
import { describe } from 'vitest';
import { needs, redisForTests } from '../../../../test/services/for-tests.ts';
import { describeBroker } from './broker-suite.ts';
import { describeSharedBroker } from './shared-broker-suite.ts';
import { realTime } from './test-time.ts';

const redis = await redisForTests();

describe('Redis', needs(redis), () => {
  const system = () => {
    const { url, prefix } = redis.keyspace();
    return () => redisBroker({ connection: url, prefix });
  };
  describeBroker('RedisBroker', { create: () => system()(), time: realTime });
  describeSharedBroker('RedisBroker', system);
  describeSharedBroker('RedisBroker over RESP2', () => {
    const { url, prefix } = redis.keyspace();
    const { hostname, port, password } = new URL(url);
    const connection = { host: hostname, port: Number(port), password, protocol: 2 as const };
    return () => redisBroker({ connection, prefix });
  });
});
