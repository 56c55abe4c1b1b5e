import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import type { ServerOptions } from 'socket.io';
import type { ServerSetup } from './peer.ts';

/**
 * The defaults, without what nobody uses here: long polling and the client's files. On Redis its clients
 * can always recover: that is what the streams are for, and the guarantee that comes nearest to ours.
 */
export function socketIoOptions({
  recovers = false,
  redisUrl,
}: ServerSetup): Partial<ServerOptions> {
  return {
    transports: ['websocket'],
    serveClient: false,
    ...(redisUrl === undefined ? {} : { adapter: createAdapter(new Redis(redisUrl)) }),
    ...(recovers || redisUrl !== undefined
      ? { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } }
      : {}),
  };
}
