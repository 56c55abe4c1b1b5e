import type { ServerOptions } from 'socket.io';
import type { ServerSetup } from './peer.ts';

/** The defaults, without what nobody uses here: long polling and the client's files. */
export function socketIoOptions({ recovers = false }: ServerSetup): Partial<ServerOptions> {
  return {
    transports: ['websocket'],
    serveClient: false,
    ...(recovers ? { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } } : {}),
  };
}
