import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { JOINED, type JoinMessage, Members, parseToken, roomOf } from './rooms.ts';

/** A server on `ws` whose clients join a room with their first message. */
export function acceptMembers() {
  const members = new Members<WebSocket>();
  const sockets = new WebSocketServer({ noServer: true, clientTracking: false });

  const join = (socket: WebSocket) => {
    let room = '';
    socket.on('message', (message: Buffer) => {
      const { data } = JSON.parse(message.toString()) as JoinMessage;
      room = roomOf(parseToken(data));
      members.add(room, socket);
      socket.send(JOINED);
    });
    socket.on('error', () => {});
    socket.on('close', () => members.remove(room, socket));
  };

  const listen = async (): Promise<number> => {
    const http = createServer();
    http.on('upgrade', (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, join),
    );
    http.listen(0, '127.0.0.1', 4_096);
    await once(http, 'listening');
    return (http.address() as AddressInfo).port;
  };
  return { members, listen };
}
