import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Crowd } from '../load/crowd.ts';
import { textFrame } from '../load/frames.ts';
import { newEvent } from '../servers/event.ts';
import { JOINED } from '../servers/rooms.ts';

/** A server that says exactly what a test wants, in pieces of exactly its choice. */
async function openWith(connections: number): Promise<{ crowd: Crowd; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      socket.once('data', () => socket.write(textFrame(JOINED)));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const crowd = new Crowd();
  onTestFinished(() => {
    crowd.leave();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  await crowd.open({ port, protocol: 'plain', connections, tenant: 'acme', rooms: 1 });
  return { crowd, sockets };
}

const event = (n: number) => textFrame(JSON.stringify(newEvent(n)));

async function heard(crowd: Crowd, count: number, work: () => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  crowd.onceHeard(count, resolve);
  work();
  await promise;
}

test('every event of every connection is counted, whatever pieces it comes in', async () => {
  const { crowd, sockets } = await openWith(2);
  const bytes = Buffer.concat([event(1), event(2), event(3)]);
  await heard(crowd, 6, () => {
    for (const socket of sockets) for (const byte of bytes) socket.write(Buffer.from([byte]));
  });
  expect(crowd.deliveries).toBe(6);
  crowd.check();
});

test('an event that is missing is a problem', async () => {
  const { crowd, sockets } = await openWith(1);
  await heard(crowd, 2, () => sockets[0]?.write(Buffer.concat([event(1), event(3)])));
  expect(() => crowd.check()).toThrow('lost (1 times)');
});

test('an event that comes twice is a problem', async () => {
  const { crowd, sockets } = await openWith(1);
  await heard(crowd, 2, () => sockets[0]?.write(Buffer.concat([event(1), event(1)])));
  expect(() => crowd.check()).toThrow('repeated (1 times)');
});

test('a connection that ends is a problem', async () => {
  const { crowd, sockets } = await openWith(1);
  sockets[0]?.destroy();
  await expect.poll(() => problemOf(crowd)).toContain('closed');
});

function problemOf(crowd: Crowd): string {
  try {
    crowd.check();
    return '';
  } catch (error) {
    return String(error);
  }
}
