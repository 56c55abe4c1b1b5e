import type { Authenticate, Broker, Limits, NodeOptions, Principal } from '@trunkline/server';
import type { ServerSetup } from './peer.ts';
import { parseToken, type Token } from './rooms.ts';

/**
 * What a benchmark from a single address, with a single tenant, at full speed must raise. All else,
 * history among it, is as an app has it by default.
 */
export const raisedLimits: Partial<Limits> = {
  maxConnectionsPerTenant: 20_000,
  handshakesPerSecond: 100_000,
  handshakeBurst: 100_000,
  maxUnauthenticatedPerAddress: 1_000,
  publishesPerSecond: 10_000_000,
  publishBurst: 10_000_000,
  fanOutBytesPerSecond: 10_000_000_000,
  fanOutBurstBytes: 10_000_000_000,
};

/** What remains raised where the limits of a tenant are what is measured: only the door's. */
export const doorLimits: Partial<Limits> = {
  handshakesPerSecond: 100_000,
  handshakeBurst: 100_000,
  maxUnauthenticatedPerAddress: 1_000,
};

/** Reads `tenant/user/room`. */
const authenticate: Authenticate = ({ token }) => {
  if (token === undefined) return null;
  const parsed = parseToken(token);
  const realm = { kind: 'tenant', tenantId: parsed.tenant } as const;
  return { userId: parsed.user, realm, roles: [], claims: parsed };
};

const roomsOf = ({ claims }: Principal): string[] => {
  const { room } = claims as Token;
  return room === '' ? [] : [room];
};

type EngineOptions = Required<
  Pick<NodeOptions, 'authenticate' | 'roomsOf' | 'limits' | 'log' | 'audit'>
> &
  Pick<NodeOptions, 'broker'>;

/** The engine's options, alike with and without NestJS. */
export async function engineOptions({
  keepsLimits = false,
  redisUrl,
}: ServerSetup): Promise<EngineOptions> {
  return {
    ...(redisUrl === undefined ? {} : { broker: await brokerOn(redisUrl) }),
    authenticate,
    roomsOf,
    limits: keepsLimits ? doorLimits : raisedLimits,
    log: { info: () => {}, warn: () => {}, error: console.error },
    audit: { record: () => {} },
  };
}

/** Loaded only where it is used: the servers without it stay as they are. */
async function brokerOn(redisUrl: string): Promise<Broker> {
  const { redisBroker } = await import('@trunkline/server/redis');
  return redisBroker({ connection: redisUrl, prefix: 'bench' });
}
