import { type JoinMessage, parseToken, roomOf } from '../servers/rooms.ts';
import { centrifuge } from './centrifuge.ts';
import type { Connection } from './connection.ts';
import { socketIo } from './socket.io.ts';

/** What a client says to get its events, and how it knows them. */
export interface Protocol {
  pathOf(token: string): string;
  /** The WebSocket is open. */
  opened(connection: Connection): void;
  /** A text message lies there, as a whole. */
  received(connection: Connection, buffer: Buffer, start: number, end: number): void;
}

/** No protocol: the first message names the room, then each message is an event. */
const plain: Protocol = {
  pathOf: () => '/',
  opened: (connection) => {
    const message: JoinMessage = { event: 'join', data: connection.token };
    connection.send(JSON.stringify(message));
  },
  received: plainEvent,
};

/** nginx with nchan: the path names the room, and who is let in has joined it. */
const nchan: Protocol = {
  pathOf: (token) => `/sub/${roomOf(parseToken(token))}`,
  opened: (connection) => connection.joined(),
  received: plainEvent,
};

function plainEvent(connection: Connection, buffer: Buffer, start: number, end: number): void {
  if (!connection.isJoined) connection.joined();
  else if (!connection.heard(buffer, start, end)) connection.problem('not an event');
}

const protocols = { plain, nchan, 'socket.io': socketIo, centrifuge } as const;

export type ProtocolName = keyof typeof protocols;

export function protocolOf(name: ProtocolName): Protocol {
  return protocols[name];
}
