import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { comesTrue } from '../comes-true.ts';
import { type Cable, startProxy } from './proxy.ts';
import { RemoteProxies } from './remote-proxies.ts';

/** A server that says back what it hears, and keeps the pieces in which it came. */
interface Echo {
  readonly port: number;
  readonly pieces: Buffer[];
  readonly sockets: Socket[];
  /** How each connection ended: `end` in order, or with what error. */
  readonly ends: string[];
}

async function startEcho(): Promise<Echo> {
  const pieces: Buffer[] = [];
  const sockets: Socket[] = [];
  const ends: string[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      pieces.push(bytes);
      socket.write(bytes);
    });
    socket.on('end', () => ends.push('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? ''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, pieces, sockets, ends };
}

/** A client that keeps what it hears. */
class Caller {
  readonly socket: Socket;
  heard = '';
  readonly ends: string[] = [];

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setNoDelay(true);
    this.socket.on('data', (bytes) => (this.heard += bytes.toString('latin1')));
    this.socket.on('end', () => this.ends.push('end'));
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.ends.push(error.code ?? ''));
    onTestFinished(() => void this.socket.destroy());
  }

  /** Says it and waits until as many bytes have come back; gives how long that took. */
  async call(text: string): Promise<number> {
    const begin = performance.now();
    const expected = this.heard.length + text.length;
    this.socket.write(text);
    while (this.heard.length < expected) await once(this.socket, 'data');
    return performance.now() - begin;
  }
}

/** What it comes to, however busy the machine is. */
function expectSoon<T>(read: () => T) {
  return expect.poll(read, { timeout: 20_000, interval: 10 });
}

async function scene(): Promise<{ echo: Echo; proxy: Cable; caller: Caller }> {
  const echo = await startEcho();
  const proxy = await startProxy({ targetPort: echo.port });
  onTestFinished(() => proxy.close());
  const caller = new Caller(proxy.port);
  await caller.call('hello');
  return { echo, proxy, caller };
}

test('it passes on what comes, and counts it', async () => {
  const { proxy, caller } = await scene();
  expect(caller.heard).toBe('hello');
  expect(await proxy.counts()).toMatchObject({ open: 1, accepted: 1, c2s: 5, s2c: 5 });
});

test('a delay holds each direction up, and keeps the order', async () => {
  const { proxy, caller } = await scene();
  await proxy.delay(100, 50);
  expect(await caller.call('ab')).toBeGreaterThan(195);
  for (const each of '123') caller.socket.write(each);
  await expectSoon(() => caller.heard).toBe('helloab123');
  await proxy.delay(100, 0, 's2c');
  const oneWayMs = await caller.call('c');
  expect(oneWayMs).toBeGreaterThan(95);
});

test('a throttled line is as slow as it is told, and loses nothing', async () => {
  const { proxy, caller } = await scene();
  await proxy.throttle(10_000, 'c2s');
  expect(await caller.call('x'.repeat(5_000))).toBeGreaterThan(400);
  await proxy.pass();
  await caller.call('x'.repeat(5_000));
});

test('chopped bytes come one by one, all of them', async () => {
  const { echo, proxy, caller } = await scene();
  await proxy.chop(1, 'c2s');
  const text = 'abcdefghijklmnopqrstuvwxyz'.repeat(4);
  const before = echo.pieces.length;
  await caller.call(text);
  expect(caller.heard).toBe(`hello${text}`);
  // The receiver may take some together; the sender has sent them apart.
  expect(echo.pieces.length - before).toBeGreaterThan(text.length / 4);
});

test('a black hole swallows nothing for good and tells nobody, in one direction or both', async () => {
  const { echo, proxy, caller } = await scene();
  await proxy.blackhole('s2c');
  caller.socket.write('1');
  await expectSoon(() => Buffer.concat(echo.pieces).toString()).toBe('hello1');
  await proxy.blackhole('both');
  caller.socket.write('2');
  caller.socket.end();
  await sleep(50);
  expect(Buffer.concat(echo.pieces).toString()).toBe('hello1');
  expect(caller.heard).toBe('hello');
  expect([...echo.ends, ...caller.ends]).toEqual([]);
  await proxy.pass();
  await expectSoon(() => caller.heard).toBe('hello12');
  await expectSoon(() => echo.ends).toEqual(['end']);
});

test('who breaks off in a black hole is missed only afterwards', async () => {
  const { echo, proxy, caller } = await scene();
  await proxy.blackhole();
  caller.socket.resetAndDestroy();
  await sleep(50);
  expect(echo.ends).toEqual([]);
  await proxy.pass();
  await expectSoon(() => echo.ends).toEqual(['ECONNRESET']);
});

test('a reset reaches both sides', async () => {
  const { echo, proxy, caller } = await scene();
  await proxy.rst();
  await expectSoon(() => [...echo.ends, ...caller.ends]).toEqual(['ECONNRESET', 'ECONNRESET']);
  expect(await proxy.counts()).toMatchObject({ open: 0, resets: 1 });
});

test('who breaks off takes the other side along', async () => {
  const { echo, proxy, caller } = await scene();
  caller.socket.resetAndDestroy();
  await expectSoon(() => echo.ends).toEqual(['ECONNRESET']);
  await expectSoon(async () => (await proxy.counts()).open).toBe(0);
});

test('a flapping line resets every connection at its age, the new ones too', async () => {
  const { proxy, caller } = await scene();
  await proxy.flap({ fromMs: 20, toMs: 40 });
  await expectSoon(() => caller.ends).toEqual(['ECONNRESET']);
  const next = new Caller(proxy.port);
  await expectSoon(() => next.ends).toEqual(['ECONNRESET']);
  await proxy.pass();
  await new Caller(proxy.port).call('still there');
  expect(await proxy.counts()).toMatchObject({ open: 1, resets: 2 });
});

test('a half-closed connection still speaks the other way', async () => {
  const { echo, proxy, caller } = await scene();
  await proxy.halfClose('s2c');
  await expectSoon(() => caller.ends).toEqual(['end']);
  caller.socket.write('one way');
  await expectSoon(() => Buffer.concat(echo.pieces).toString()).toBe('helloone way');
  expect(echo.ends).toEqual([]);
  expect(await proxy.counts()).toMatchObject({ halfCloses: 1 });
});

test('duplicated bytes come twice, flipped ones differently, once', async () => {
  const { proxy, caller } = await scene();
  await proxy.dup(3, 's2c');
  caller.socket.write('abcdef');
  await expectSoon(() => caller.heard).toBe('helloabcdefdef');
  await proxy.flip(1, 's2c');
  caller.socket.write('aaaa');
  await expectSoon(() => caller.heard.length).toBe(18);
  const flipped = Buffer.from(caller.heard.slice(14), 'latin1');
  const bits = [...flipped].map((byte) => (byte ^ 0x61).toString(2).replaceAll('0', '').length);
  expect(bits.reduce((sum, count) => sum + count)).toBe(1);
  await caller.call('clean');
  expect(caller.heard).toMatch(/clean$/);
  expect(await proxy.counts()).toMatchObject({ damages: 2 });
});

test('it refuses new connections, and leaves the others alone', async () => {
  const { proxy, caller } = await scene();
  await proxy.refuse();
  const refused = new Caller(proxy.port);
  await expectSoon(() => refused.ends).toEqual(['ECONNREFUSED']);
  await caller.call('still here');
  await proxy.pass();
  await new Caller(proxy.port).call('and welcome');
});

test('new connections go where it is aimed', async () => {
  const { proxy, caller } = await scene();
  const other = await startEcho();
  await proxy.aim(other.port);
  await new Caller(proxy.port).call('moved');
  await caller.call('stayed');
  expect(Buffer.concat(other.pieces).toString()).toBe('moved');
});

test('who does not read holds up the sender, and not the memory', async () => {
  const echo = await startEcho();
  const proxy = await startProxy({ targetPort: echo.port });
  onTestFinished(() => proxy.close());
  const caller = new Caller(proxy.port);
  await caller.call('hello');
  echo.sockets[0]?.pause();
  const chunk = Buffer.alloc(1024 * 1024);
  for (let n = 0; n < 64; n += 1) caller.socket.write(chunk);
  let before = -1;
  const standsStill = async () => {
    const { c2s } = await proxy.counts();
    const isSame = c2s === before;
    before = c2s;
    return isSame;
  };
  expect(await comesTrue(20_000, standsStill, 300)).toBe(true);
  expect(caller.socket.writableLength).toBeGreaterThan(32 * chunk.length);
});

test('a thousand connections go through one in a process of its own', {
  timeout: 60_000,
}, async () => {
  const echo = await startEcho();
  const proxies = new RemoteProxies('any');
  onTestFinished(() => proxies.kill());
  const proxy = await proxies.start({ targetPort: echo.port });
  const callers = Array.from({ length: 1_000 }, () => new Caller(proxy.port));
  await Promise.all(callers.map((caller) => caller.call('hello')));
  expect(await proxy.counts()).toMatchObject({ open: 1_000, accepted: 1_000, c2s: 5_000 });
  await proxy.rst();
  await expectSoon(() => callers.filter(({ ends }) => ends.length > 0).length).toBe(1_000);
});
