// The other adapter of NestJS: `ws`, and rooms are the app's own.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { listenWith } from './nest.ts';
import { serve } from './peer.ts';
import { byRoom, Members, parseToken, roomOf } from './rooms.ts';

const members = new Members<WebSocket>();
const roomOfMember = new WeakMap<WebSocket, string>();

/** Type stripping knows no decorators: they are called below. */
class Gateway implements OnGatewayDisconnect {
  join(token: string, socket: WebSocket): { event: string } {
    const room = roomOf(parseToken(token));
    roomOfMember.set(socket, room);
    members.add(room, socket);
    return { event: 'joined' };
  }

  handleDisconnect(socket: WebSocket): void {
    members.remove(roomOfMember.get(socket) ?? '', socket);
  }
}
const join = Object.getOwnPropertyDescriptor(Gateway.prototype, 'join');
if (join) SubscribeMessage('join')(Gateway.prototype, 'join', join);
MessageBody()(Gateway.prototype, 'join', 0);
ConnectedSocket()(Gateway.prototype, 'join', 1);
WebSocketGateway()(Gateway);

class AppModule {}
Module({ providers: [Gateway] })(AppModule);

serve({
  listen: async () => {
    const { port } = await listenWith(AppModule, (app) => new WsAdapter(app));
    return port;
  },
  ...byRoom((room, event) => {
    const text = JSON.stringify(event);
    for (const socket of members.of(room)) socket.send(text);
  }),
});
