// Socket.IO as NestJS sets it up: a gateway on the IoAdapter.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import {
  type OnGatewayConnection,
  type OnGatewayInit,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import type { Server, Socket } from 'socket.io';
import { listenWith } from './nest.ts';
import { type Peer, serve } from './peer.ts';
import { byRoom, parseToken, roomOf } from './rooms.ts';
import { socketIoOptions } from './socket.io-options.ts';

/** Type stripping knows no decorators: they are called below. */
class Gateway implements OnGatewayInit, OnGatewayConnection {
  declare readonly server: Server;

  afterInit(server: Server): void {
    server.use((socket, next) => {
      const { token } = socket.handshake.auth as { token?: string };
      if (token === undefined) return next(new Error('no token'));
      socket.data = parseToken(token);
      next();
    });
  }

  handleConnection(socket: Socket): void {
    if (!socket.recovered) void socket.join(roomOf(socket.data));
  }
}
WebSocketServer()(Gateway.prototype, 'server');

class AppModule {}

let gateway: Gateway;

const listen: Peer['listen'] = async (setup) => {
  WebSocketGateway(socketIoOptions(setup))(Gateway);
  Module({ providers: [Gateway] })(AppModule);
  const { app, port } = await listenWith(AppModule, (nest) => new IoAdapter(nest));
  gateway = app.get(Gateway);
  return port;
};

serve({
  listen,
  ...byRoom((room, event) => {
    gateway.server.to(room).emit('event', event);
  }),
});
