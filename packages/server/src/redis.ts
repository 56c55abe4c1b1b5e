import type { Broker, BrokerStats } from './broker/broker.ts';
import { RedisBroker } from './broker/redis-broker.ts';
import { type RedisBrokerOptions, settingsOf } from './broker/redis-options.ts';

export type {
  RedisAddress,
  RedisBrokerOptions,
  RedisClusterConnection,
} from './broker/redis-options.ts';

/** A broker that can say how it does. */
export interface ObservableBroker extends Broker {
  stats(): BrokerStats;
}

/**
 * Makes the Redis engine: any number of nodes with one `prefix` are one system. Redis 6.2 or newer, or
 * Valkey; with sharded pub/sub Redis 7. Throws a `TypeError` for options that are wrong.
 */
export function redisBroker(options: RedisBrokerOptions): ObservableBroker {
  return new RedisBroker(settingsOf(options));
}
