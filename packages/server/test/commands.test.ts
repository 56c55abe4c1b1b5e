import type { NodeOptions } from '@trunkline/server';
import { ProtocolError } from '@trunkline/server';
import { State } from 'centrifuge';
import { expect, test } from 'vitest';
import { connected, eventOf, fromToken, RawClient, serve } from './harness.ts';

const never = async () => await new Promise<never>(() => {});
const open = { authorize: () => true };
const failed = { code: 100, message: 'internal server error', temporary: true };
const errorsOf = (records: { level: string }[]) => records.filter(({ level }) => level === 'error');

test('rooms whose authorize hangs hold up no other: they alone get 100 and are retried', async () => {
  let asked = 0;
  const hanging = async () => {
    asked += 1;
    return await never();
  };
  const server = await serve({
    rooms: { 'hung:*': { authorize: hanging }, 'good:*': open },
    limits: { hookTimeoutMs: 500 },
  });
  const client = server.client('acme/ada');
  const retrying = { minResubscribeDelay: 1, maxResubscribeDelay: 5 };
  const hung = ['hung:1', 'hung:2'].map((room) => client.newSubscription(room, retrying));
  const good = client.newSubscription('good:1');
  const codes: number[] = [];
  const left: unknown[] = [];
  client.on('disconnected', (context) => left.push(context));
  const retried = hung.map(async (subscription) => {
    subscription.on('error', ({ error }) => codes.push(error.code));
    await eventOf(subscription, 'error', () => codes.length > 2);
  });
  for (const subscription of [...hung, good]) subscription.subscribe();
  client.connect();
  await good.ready();
  expect(codes).toEqual([]); // it did not wait for the others to fail
  client.on('connecting', (context) => left.push(context));
  await Promise.all(retried);
  expect(new Set(codes)).toEqual(new Set([100]));
  expect(asked).toBeGreaterThan(2);
  expect(left).toEqual([]);
  expect(client.state).toBe(State.Connected);
});

test('what one channel is asked for waits for what it was asked for before', async () => {
  const answer = Promise.withResolvers<boolean>();
  const server = await serve({
    rooms: { 'slow:*': { authorize: async () => await answer.promise }, 'open:*': open },
  });
  const client = await connected(server, 'acme/ada');
  client.send(
    { id: 2, subscribe: { channel: 'slow:1' } },
    { id: 3, unsubscribe: { channel: 'slow:1' } },
    { id: 4, subscribe: { channel: 'open:1' } },
  );
  client.send({ id: 5, unsubscribe: { channel: 'open:1' } });
  await client.reply(5);
  answer.resolve(true);
  await client.reply(3);
  const ids = client.lines.flatMap(({ id }) => (id === undefined ? [] : [id]));
  expect(ids).toEqual([1, 4, 5, 2, 3]);
});

test('what comes in frames after a connect that is under way waits for it', async () => {
  const answer = Promise.withResolvers<void>();
  const authenticate: NodeOptions['authenticate'] = async (handshake) => {
    await answer.promise;
    return await fromToken(handshake);
  };
  const roomsOf = async () => await Promise.resolve([]);
  const server = await serve({ authenticate, roomsOf, rooms: { '*': open } });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  client.send({ id: 2, subscribe: { channel: 'chat:1' } }, { id: 3, rpc: {} });
  client.send({ id: 4, unsubscribe: { channel: 'chat:1' } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(client.frames).toEqual([]);
  answer.resolve();
  await Promise.all([2, 3, 4].map((id) => client.reply(id)));
  const [first] = client.lines;
  expect(first).toHaveProperty('connect');
  expect(
    client.lines.filter(({ subscribe, unsubscribe }) => subscribe ?? unsubscribe),
  ).toHaveLength(2);
});

test('commands that run count as pending until they are finished', async () => {
  const rooms = { 'hung:*': { authorize: never } };
  const limits = { maxPendingCommands: 10, maxSubscriptions: 9 };
  const server = await serve({ rooms, limits });
  const client = await connected(server, 'acme/ada');
  const subscribe = (id: number) => ({ id, subscribe: { channel: `hung:${id}` } });
  client.send(...Array.from({ length: 10 }, (_, index) => subscribe(index + 2)));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(client.closeCode).toBeNull();
  client.send(subscribe(12));
  expect(await client.closed()).toBe(3013);
});

test('what is finished no longer counts, though another command never ends', async () => {
  const server = await serve({ rooms: { 'hung:*': { authorize: never } } });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, subscribe: { channel: 'hung:1' } });
  for (let id = 3; id < 12; id += 1) {
    const { error } = await client.ask(id, { rpc: { data: 'x'.repeat(60_000) } });
    expect(error?.code).toBe(108);
  }
});

test('pongs do not count', async () => {
  const server = await serve({
    rooms: { 'hung:*': { authorize: never } },
    limits: { maxMessageBytes: 60, pingIntervalMs: 4, pongTimeoutMs: 3 },
  });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, subscribe: { channel: 'hung:1' } });
  let pongs = 0;
  const enough = Promise.withResolvers<void>();
  client.socket.on('message', (data: Buffer) => {
    if (data.toString() !== '{}') return;
    client.send('{}');
    pongs += 1;
    if (pongs === 120) enough.resolve(); // as text 240 bytes, besides the subscribe
  });
  await Promise.race([enough.promise, client.closed()]);
  expect(client.closeCode).not.toBe(3013);
});

test('hooks and joins of a connect share one time: 3004 before the client gives up, and a log', async () => {
  const slowly = async <T>(value: T) => {
    await new Promise((resolve) => setTimeout(resolve, 150));
    return value;
  };
  const server = await serve({
    authenticate: async (handshake) => await slowly(await fromToken(handshake)),
    roomsOf: async () => await slowly([]),
    limits: { hookTimeoutMs: 200 },
  });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  expect(await client.closed()).toBe(3004);
  expect(errorsOf(server.log.records)).toMatchObject([
    {
      message: 'hook_failed',
      fields: { hook: 'roomsOf', error: expect.stringContaining('200 ms') },
    },
  ]);
});

test('waiting behind a hook that hangs counts: the client is answered before it gives up', async () => {
  const server = await serve({
    rooms: { 'hung:*': { authorize: never } },
    limits: { hookTimeoutMs: 400 },
  });
  const client = await connected(server, 'acme/ada');
  const startedAt = performance.now();
  client.send(
    { id: 2, subscribe: { channel: 'hung:1' } },
    { id: 3, unsubscribe: { channel: 'hung:1' } },
    { id: 4, subscribe: { channel: 'hung:1' } },
  );
  expect(await client.reply(4)).toEqual({ id: 4, error: failed });
  expect(performance.now() - startedAt).toBeLessThan(700);
});

test('joins that never end are logged too', async () => {
  const server = await serve({ limits: { hookTimeoutMs: 30 } });
  server.node.history = never;
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  expect(await client.closed()).toBe(3004);
  expect(errorsOf(server.log.records)).toMatchObject([
    { message: 'command_failed', fields: { error: expect.stringContaining('the broker') } },
  ]);
});

test('a subscribe whose join never ends gets 100, and its channel is free again', async () => {
  const server = await serve({ rooms: { '*': open }, limits: { hookTimeoutMs: 30 } });
  const client = await connected(server, 'acme/ada');
  const history = server.node.history.bind(server.node);
  server.node.history = never;
  expect(await client.ask(2, { subscribe: { channel: 'chat:1' } })).toEqual({
    id: 2,
    error: failed,
  });
  server.node.history = history;
  expect(await client.ask(3, { subscribe: { channel: 'chat:1' } })).toHaveProperty('subscribe');
});

test('an authorize that refuses in words of its own is no failure', async () => {
  const authorize = () => {
    throw new ProtocolError(1200, 'members only');
  };
  const server = await serve({ rooms: { '*': { authorize } } });
  const client = await connected(server, 'acme/ada');
  const reply = await client.ask(2, { subscribe: { channel: 'chat:1' } });
  expect(reply.error).toEqual({ code: 1200, message: 'members only' });
  expect(server.log.records).toEqual([]);
});

test('words of its own from authenticate are the reply to the connect, and nothing follows', async () => {
  const authenticate = () => {
    throw new ProtocolError(1200, 'members only');
  };
  const server = await serve({ authenticate });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} }, { id: 2, subscribe: { channel: 'chat:1' } });
  expect(await client.reply(1)).toEqual({ id: 1, error: { code: 1200, message: 'members only' } });
  expect(client.lines).toHaveLength(1); // what came along is discarded
  client.send({ id: 3, connect: {} });
  expect(await client.closed()).toBe(3501);
});

test('a rule may be an instance of a class', async () => {
  class Members {
    readonly #names = new Set(['ada']);
    authorize({ userId }: { userId: string }) {
      return this.#names.has(userId);
    }
  }
  const server = await serve({ rooms: { '*': new Members() } });
  const client = await connected(server, 'acme/ada');
  expect(await client.ask(2, { subscribe: { channel: 'chat:1' } })).toHaveProperty('subscribe');
});

test('what a failing query was given never reaches the log', async () => {
  const cause = Object.assign(new Error('connection terminated'), { code: '57P01' });
  const query = new Error('Failed query: select $1\nparams: secret', { cause });
  const server = await serve({
    authenticate: (handshake) => {
      if (handshake.token === 'bare') throw new Error(query.message);
      throw query;
    },
  });
  for (const token of ['wrapped', 'bare']) {
    const client = await new RawClient(server.url).open();
    client.send({ id: 1, connect: { token } });
    expect(await client.closed()).toBe(3004);
  }
  expect(server.log.records.map(({ fields }) => fields?.['error'])).toEqual([
    'Error 57P01: connection terminated',
    'Error: Failed query: select $1',
  ]);
});
