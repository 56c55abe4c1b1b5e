import { randomUUID } from 'node:crypto';
import {
  type ObservableBroker,
  type RedisBrokerOptions,
  redisBroker,
} from '@trunkline/server/redis';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { MemoryLog } from '../harness.ts';
import { Announcements } from './announcements.ts';

/** A node's broker, started, and what it hears. */
export interface TestBroker {
  readonly broker: ObservableBroker;
  readonly announced: Announcements;
  readonly log: MemoryLog;
  readonly prefix: string;
}

/** Starts a broker, which is stopped after the test. */
export async function startBroker(
  options: Partial<RedisBrokerOptions> & Pick<RedisBrokerOptions, 'connection'>,
): Promise<TestBroker> {
  const log = new MemoryLog();
  const { prefix = `test-${randomUUID()}` } = options;
  const broker = redisBroker({ log, ...options, prefix });
  const announced = new Announcements();
  onTestFinished(() => broker.stop());
  await broker.start(announced);
  return { broker, announced, log, prefix };
}

/** Somebody else at the same Redis; leaves after the test. */
export function connect(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
  // What was asked of it fails by itself.
  redis.on('error', () => {});
  onTestFinished(() => redis.disconnect());
  return redis;
}
