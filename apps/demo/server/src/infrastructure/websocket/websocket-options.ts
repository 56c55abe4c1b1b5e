import { redisBroker } from '@trunkline/server/redis';
import type { Environment } from '../../environment.ts';
import { stops } from '../../stops.ts';

/** What the settings say of the real-time layer: what its nodes share, and what stands around this one. */
export function webSocketOptions(environment: Environment) {
  const { REDIS_URL, REDIS_PREFIX, TRUSTED_PROXIES, MONITORING_PORT, DRAIN } = environment;
  return {
    drain: stops[DRAIN].drain,
    ...(REDIS_URL === undefined
      ? {}
      : { broker: redisBroker({ connection: REDIS_URL, prefix: REDIS_PREFIX }) }),
    ...(TRUSTED_PROXIES === undefined ? {} : { trustedProxies: TRUSTED_PROXIES }),
    ...(MONITORING_PORT === undefined ? {} : { monitoring: { port: MONITORING_PORT } }),
  };
}
