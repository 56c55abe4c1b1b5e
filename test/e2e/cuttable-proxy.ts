import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of a server: the cable that a test can cut. */
export interface CuttableProxy {
  readonly url: string;
  /** How many connections were destroyed by cuts. */
  readonly destroyed: number;
  /** Destroys every connection, and every new one, until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let destroyed = 0;
  const destroy = (socket: Socket) => {
    destroyed += 1;
    socket.destroy();
  };
  const server = createServer((downstream) => {
    if (isCut) return destroy(downstream);
    const upstream = connect(targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    downstream.pipe(upstream).pipe(downstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get destroyed() {
      return destroyed;
    },
    cut: () => {
      isCut = true;
      for (const socket of sockets) destroy(socket);
    },
    mend: () => {
      isCut = false;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
