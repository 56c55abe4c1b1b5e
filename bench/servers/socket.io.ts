import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { serve } from './peer.ts';
import { byRoom, parseToken, roomOf } from './rooms.ts';
import { socketIoOptions } from './socket.io-options.ts';

let io: Server;

serve({
  listen: async (setup) => {
    const http = createServer();
    io = new Server(http, socketIoOptions(setup));
    io.use((socket, next) => {
      const { token } = socket.handshake.auth as { token?: string };
      if (token === undefined) return next(new Error('no token'));
      socket.data = parseToken(token);
      next();
    });
    io.on('connection', (socket) => {
      if (!socket.recovered) void socket.join(roomOf(socket.data));
    });
    http.listen(0, '127.0.0.1', 4_096);
    await once(http, 'listening');
    return (http.address() as AddressInfo).port;
  },
  ...byRoom((room, event) => {
    io.to(room).emit('event', event);
  }),
});
