// Bun's own server, which embeds uWebSockets. Run by Bun, not by Node.js.
import { serve } from './peer.ts';
import { byRoom, JOINED, type JoinMessage, parseToken, roomOf } from './rooms.ts';

/** What is used here of Bun. */
declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request, server: BunServer): Response | undefined;
    websocket: { perMessageDeflate: boolean; message(socket: BunSocket, message: string): void };
  }): BunServer;
  gc(isSynchronous: boolean): void;
};

interface BunServer {
  readonly port: number;
  upgrade(request: Request): boolean;
  publish(topic: string, text: string): number;
}

interface BunSocket {
  subscribe(topic: string): void;
  send(text: string): number;
}

let server: BunServer;

serve({
  listen: (): Promise<number> => {
    server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: (request, bun) =>
        bun.upgrade(request) ? undefined : new Response(null, { status: 404 }),
      websocket: {
        perMessageDeflate: false,
        message: (socket, message) => {
          const { data } = JSON.parse(message) as JoinMessage;
          socket.subscribe(roomOf(parseToken(data)));
          socket.send(JOINED);
        },
      },
    });
    return Promise.resolve(server.port);
  },
  collect: () => Bun.gc(true),
  ...byRoom((room, event) => {
    server.publish(room, JSON.stringify(event));
  }),
});
