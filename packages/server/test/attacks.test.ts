// Every limit that a hostile client can run into: what it is told, what is counted, and that the
// limit itself is still open. What an attack costs the others is measured by `npm run lab`.
import type { Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { disconnects, type LimitName, type Limits, sendEvent } from '@trunkline/server';
import { expect, test } from 'vitest';
import {
  acme,
  allChannel,
  connected,
  fromToken,
  globex,
  RawClient,
  serve,
  type TestServer,
  upgrade,
  userChannel,
} from './harness.ts';
import { frameOf, opcodes, RawSocket } from './hostile-frames.ts';

const rooms = { 'chat:*': { authorize: () => true, publish: 'members' } } as const;
/** So slow that nothing comes back during a test. */
const NEVER = 0.001;

const exceeded = (server: TestServer, name: LimitName) => server.node.stats().limits[name];
const errorsOf = (client: RawClient) => client.lines.flatMap(({ error }) => error?.code ?? []);
const tally = (codes: readonly number[]) =>
  Object.fromEntries(codes.map((code) => [code, codes.filter((other) => other === code).length]));
const commands = (count: number, command: object, from = 2) =>
  Array.from({ length: count }, (_, n) => ({ id: from + n, ...command }));

test('192 commands in a frame are carried out, of 193 none is', async () => {
  const server = await serve();
  const unsubscribe = { unsubscribe: { channel: 'chat:1' } };
  const [good, bad] = [await connected(server, 'acme/ada'), await connected(server, 'acme/eve')];
  good.send(...commands(192, unsubscribe));
  await good.reply(193);
  bad.send(...commands(193, unsubscribe));
  expect(await bad.closed()).toBe(3501);
  expect(bad.lines).toHaveLength(1);
  expect(exceeded(server, 'maxCommandsPerFrame')).toBe(1);
  expect(good.closeCode).toBeNull();
});

test('commands above the burst get 111, and after maxExcessMs of it comes 3013', async () => {
  const limits = { commandsPerSecond: NEVER, commandBurst: 3, maxExcessMs: 300 };
  const server = await serve({ limits });
  const client = await connected(server, 'acme/eve');
  client.send(...commands(5, { rpc: { method: 'x' } }));
  await client.reply(6);
  await expect.poll(() => tally(errorsOf(client))).toEqual({ 108: 3, 111: 2 });
  expect(exceeded(server, 'commandsPerSecond')).toBe(2);
  for (let id = 7; client.closeCode === null; id += 1) {
    client.send({ id, rpc: { method: 'x' } });
    await sleep(20);
  }
  expect(client.closeCode).toBe(3013);
  expect(exceeded(server, 'maxExcessMs')).toBe(1);
  expect(tally(errorsOf(client))).toMatchObject({ 108: 3 });
});

test('an excess that pauses for longer than a second begins anew', async () => {
  const limits = { commandsPerSecond: NEVER, commandBurst: 1, maxExcessMs: 600 };
  const server = await serve({ limits });
  const client = await connected(server, 'acme/eve');
  for (let id = 2; id < 6; id += 1) {
    await client.ask(id, { rpc: { method: 'x' } });
    await sleep(1_050);
  }
  expect(client.closeCode).toBeNull();
  expect(errorsOf(client)).toEqual([108, 111, 111, 111]);
});

test('subscribes above the burst get 111, those above maxSubscriptions 106', async () => {
  const limits = { maxSubscriptions: 4, subscribeBurst: 4, subscribesPerSecond: NEVER };
  const server = await serve({ rooms, limits });
  const client = await connected(server, 'acme/eve'); // has @user and @all
  const codes: (number | undefined)[] = [];
  for (let id = 2; id < 8; id += 1) {
    codes.push((await client.ask(id, { subscribe: { channel: `chat:${id}` } })).error?.code);
  }
  expect(codes).toEqual([undefined, undefined, 106, 106, 111, 111]);
  expect(exceeded(server, 'maxSubscriptions')).toBe(2);
  expect(exceeded(server, 'subscribesPerSecond')).toBe(2);
});

test('refreshes above the burst get 111', async () => {
  const authenticate: typeof fromToken = async (handshake) => {
    const principal = await fromToken(handshake);
    return principal && { ...principal, expiresAt: Date.now() + 3_600_000 };
  };
  const limits = { refreshesPerSecond: NEVER, refreshBurst: 3 };
  const server = await serve({ authenticate, limits });
  const client = await connected(server, 'acme/eve');
  client.send(...commands(5, { refresh: { token: 'acme/eve' } }));
  await expect.poll(() => client.lines.length).toBe(6);
  expect(tally(errorsOf(client))).toEqual({ 111: 2 });
  expect(exceeded(server, 'refreshesPerSecond')).toBe(2);
});

test('an unsubscribe above the burst is carried out all the same', async () => {
  const limits = { commandsPerSecond: NEVER, commandBurst: 1 };
  const server = await serve({ rooms, limits });
  const client = await connected(server, 'acme/eve');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await client.ask(3, { unsubscribe: { channel: 'chat:2' } });
  expect(await client.ask(4, { unsubscribe: { channel: 'chat:1' } })).toHaveProperty('unsubscribe');
  expect(exceeded(server, 'commandsPerSecond')).toBe(1);
  expect(server.node.stats().channels).toBe(2);
});

test('the error above maxErrorsPerMinute is the last: 3509', async () => {
  const server = await serve({ rooms, limits: { maxErrorsPerMinute: 5 } });
  const client = await connected(server, 'acme/eve');
  client.send(...commands(9, { subscribe: { channel: 'closed:1' } }));
  expect(await client.closed()).toBe(3509);
  expect(errorsOf(client)).toEqual([103, 103, 103, 103, 103, 103]);
  expect(exceeded(server, 'maxErrorsPerMinute')).toBe(1);
  expect(server.node.stats().errors).toEqual({ 103: 6 });
});

test('errors that are nobody’s fault do not count: 111 is one', async () => {
  const limits = { maxErrorsPerMinute: 2, commandsPerSecond: NEVER, commandBurst: 1 };
  const server = await serve({ limits });
  const client = await connected(server, 'acme/eve');
  client.send(...commands(20, { rpc: { method: 'x' } }));
  await client.reply(21);
  expect(client.closeCode).toBeNull();
});

test('too many pings get 3013, also from a peer that does not read its pongs', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/eve');
  for (let n = 0; n < 100; n += 1) client.socket.ping();
  expect(await client.closed()).toBe(3013);
  const deaf = await new RawSocket(server.url).connect('acme/eve');
  deaf.tcp.pause();
  deaf.write(...Array.from({ length: 100 }, () => frameOf('?', { opcode: opcodes.ping })));
  await expect.poll(() => server.node.stats().channels).toBe(0);
  deaf.tcp.destroy();
  expect(exceeded(server, 'pingsPerSecond')).toBeGreaterThanOrEqual(2);
  expect(server.node.stats().disconnects).toEqual({ 3013: 2 });
});

test.each<[LimitName, Partial<Limits>, string[], string]>([
  ['maxConnectionsPerUser', { maxConnectionsPerUser: 2 }, ['acme/eve', 'acme/eve'], 'acme/eve'],
  ['maxConnectionsPerTenant', { maxConnectionsPerTenant: 2 }, ['acme/a', 'acme/b'], 'acme/c'],
])('one connection above %s gets 3504, others come in', async (name, limits, tokens, more) => {
  const server = await serve({ limits });
  const clients = await Promise.all(tokens.map((token) => connected(server, token)));
  for (const client of clients) client.answerPings(); // who does not is dead, and makes room
  const [first] = clients;
  const tooMany = await new RawClient(server.url).open();
  tooMany.send({ id: 1, connect: { token: more } });
  expect(await tooMany.closed()).toBe(3504);
  expect(tooMany.frames).toEqual([]);
  expect(exceeded(server, name)).toBe(1);
  await connected(server, 'globex/eve');
  first?.socket.close();
  await expect.poll(() => server.node.stats().connections).toBe(2);
  await connected(server, more);
  expect(exceeded(server, name)).toBe(1);
});

const anonymous = { userId: '', realm: acme, roles: [] };

test('anonymous connections count for the tenant and for no user', async () => {
  const limits = { maxConnectionsPerUser: 1, maxConnectionsPerTenant: 3 };
  const server = await serve({ limits, authenticate: () => anonymous });
  await Promise.all(['a', 'b', 'c'].map((token) => connected(server, token)));
  const tooMany = await new RawClient(server.url).open();
  tooMany.send({ id: 1, connect: {} });
  expect(await tooMany.closed()).toBe(3504);
  expect(exceeded(server, 'maxConnectionsPerUser')).toBe(0);
});

test.each<[LimitName, Partial<Limits>, number]>([
  ['maxConnections', { maxConnections: 2 }, 503],
  ['handshakesPerSecond', { handshakesPerSecond: NEVER, handshakeBurst: 2 }, 503],
  ['maxUnauthenticated', { maxUnauthenticated: 2 }, 503],
  ['maxUnauthenticatedPerAddress', { maxUnauthenticatedPerAddress: 2 }, 429],
])('a handshake above %s is refused and told when to try again', async (name, limits, status) => {
  const server = await serve({ limits });
  for (let n = 0; n < 2; n += 1) await new RawClient(server.url).open();
  const refusal = await upgrade(server.url);
  expect(refusal).toMatchObject({ status, headers: { 'retry-after': '1' } });
  expect(exceeded(server, name)).toBe(1);
  expect(server.node.stats()).toMatchObject({ connections: 2, counts: { connectionsOpened: 2 } });
});

test('an address that the client claims counts behind a trusted proxy only', async () => {
  const limits = { maxUnauthenticatedPerAddress: 1 };
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
  const alone = await serve({ limits });
  await new RawClient(alone.url, from('192.0.2.1')).open();
  expect((await upgrade(alone.url, from('192.0.2.2').headers)).status).toBe(429);
  const behind = await serve({ limits }, { trustedProxies: ['loopback'] });
  await new RawClient(behind.url, from('192.0.2.1')).open();
  expect((await upgrade(behind.url, from('192.0.2.2').headers)).status).toBe(101);
  expect((await upgrade(behind.url, from('192.0.2.3, 192.0.2.1').headers)).status).toBe(429);
});

test('whoever connects and says nothing is told 3502 and frees its place', async () => {
  const limits = { connectDeadlineMs: 100, maxUnauthenticated: 1 };
  const server = await serve({ limits });
  const silent = await new RawClient(server.url).open();
  expect((await upgrade(server.url)).status).toBe(503);
  expect(await silent.closed()).toBe(3502);
  await expect.poll(() => server.node.stats().unauthenticated).toBe(0);
  await connected(server, 'acme/ada');
});

test('newcomers get 503 while the event loop lags, who is here stays, and it ends by itself', async () => {
  const server = await serve({ limits: { maxEventLoopLagMs: 20, maxEventLoopLagForMs: 100 } });
  const here = await connected(server, 'acme/ada');
  const stalling = setInterval(() => stall(60), 65);
  await expect.poll(() => server.node.readiness).toBe('overloaded');
  const refusal = await upgrade(server.url);
  clearInterval(stalling);
  expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(exceeded(server, 'maxEventLoopLagMs')).toBe(1);
  expect((await here.ask(2, { rpc: {} })).error?.code).toBe(108);
  await expect.poll(() => server.node.readiness, { timeout: 5_000 }).toBe('ready');
  expect((await upgrade(server.url)).status).toBe(101);
});

function stall(forMs: number): void {
  const end = performance.now() + forMs;
  while (performance.now() < end);
}

/** An `authenticate` that takes a while and knows how many of it there are. */
function slowAuthenticate() {
  const seen = { calls: 0, active: 0, most: 0 };
  const authenticate: typeof fromToken = async (handshake) => {
    seen.calls += 1;
    seen.active += 1;
    seen.most = Math.max(seen.most, seen.active);
    await sleep(30);
    seen.active -= 1;
    return await fromToken(handshake);
  };
  return { seen, authenticate };
}

test('no more than maxConcurrentAuthenticates ask at a time, and all get their turn', async () => {
  const { seen, authenticate } = slowAuthenticate();
  const server = await serve({ authenticate, limits: { maxConcurrentAuthenticates: 3 } });
  const tokens = Array.from({ length: 12 }, (_, n) => `acme/u${n}`);
  await Promise.all(tokens.map((token) => connected(server, token)));
  expect(seen).toEqual({ calls: 12, active: 0, most: 3 });
  expect(exceeded(server, 'maxConcurrentAuthenticates')).toBeGreaterThan(0);
});

test('connects with one token at one time are one call', async () => {
  const { seen, authenticate } = slowAuthenticate();
  const server = await serve({ authenticate });
  const sockets = await Promise.all(
    Array.from({ length: 15 }, () => new RawClient(server.url).open()),
  );
  await Promise.all(sockets.map((client) => client.connect('acme/ada')));
  expect(seen.calls).toBe(1);
  await connected(server, 'acme/ada');
  expect(seen.calls).toBe(2); // nothing is kept
});

test('a hook that hangs for everybody holds up no more than its limit, and not for ever', async () => {
  const authenticate = async () => await new Promise<never>(() => {});
  const limits = { maxConcurrentAuthenticates: 2, hookTimeoutMs: 100 };
  const server = await serve({ authenticate, limits });
  const clients = await Promise.all(
    Array.from({ length: 6 }, () => new RawClient(server.url).open()),
  );
  for (const [n, client] of clients.entries()) {
    client.send({ id: 1, connect: { token: `acme/u${n}` } });
  }
  expect(await Promise.all(clients.map((client) => client.closed()))).toEqual(Array(6).fill(3004));
  expect(exceeded(server, 'maxConcurrentAuthenticates')).toBe(4);
});

const event = { id: 'event-1', type: 'x', json: '{"v":1}', bytes: 7 };

test('what is published above publishesPerSecond is dropped, and its sender told', async () => {
  const server = await serve({ rooms, limits: { publishesPerSecond: NEVER, publishBurst: 3 } });
  const client = await connected(server, 'acme/eve');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  const say = { publish: { channel: 'chat:1', data: { type: 'x', data: 1 } } };
  expect(await client.ask(3, say)).toHaveProperty('publish');
  const receipts = await Promise.all(
    Array.from({ length: 3 }, () => sendEvent(server.node, allChannel(), event)),
  );
  expect(receipts.map(({ status }) => status)).toEqual(['accepted', 'accepted', 'dropped']);
  expect(receipts[2]).toHaveProperty('reason', expect.stringContaining('publishesPerSecond'));
  expect((await client.ask(4, say)).error).toMatchObject({ code: 111, temporary: true });
  expect(exceeded(server, 'publishesPerSecond')).toBe(2);
  const other = await sendEvent(server.node, allChannel(globex), event);
  expect(other.status).toBe('accepted'); // another tenant's bucket
  expect(client.pushed).toHaveLength(3);
});

test('limitsFor gives one tenant less and another more', async () => {
  const changes: Record<string, Partial<Limits>> = {
    small: { maxConnectionsPerTenant: 1, publishesPerSecond: NEVER, publishBurst: 1 },
    large: { maxConnectionsPerTenant: 3, maxConnectionsPerUser: 3 },
  };
  const server = await serve({
    limits: { maxConnectionsPerTenant: 2, maxConnectionsPerUser: 2 },
    limitsFor: (tenantId) => changes[tenantId],
  });
  const fits = async (tenantId: string) => {
    for (let count = 0; ; count += 1) {
      const client = await new RawClient(server.url).open();
      client.answerPings();
      client.send({ id: 1, connect: { token: `${tenantId}/ada` } });
      const isIn = client.reply(1).then(
        () => true,
        () => false,
      );
      if (!(await isIn)) return count;
    }
  };
  expect(await fits('small')).toBe(1);
  expect(await fits('acme')).toBe(2);
  expect(await fits('large')).toBe(3);
  const small = allChannel({ kind: 'tenant', tenantId: 'small' });
  const first = await sendEvent(server.node, small, event);
  const second = await sendEvent(server.node, small, event);
  expect([first.status, second.status]).toEqual(['accepted', 'dropped']);
});

test('one line above maxQueuedLines gets 3008', async () => {
  const server = await serve({ limits: { maxQueuedLines: 10 } });
  const client = await connected(server, 'acme/eve');
  const publish = (count: number) => {
    for (let n = 0; n < count; n += 1) void server.node.publish(userChannel('eve'), String(n));
  };
  publish(10); // in one turn of the event loop
  await client.publication(9);
  publish(11);
  expect(await client.closed()).toBe(3008);
  expect(exceeded(server, 'maxQueuedLines')).toBe(1);
  expect(exceeded(server, 'maxQueuedBytes')).toBe(0);
});

test('a socket that takes nothing for writeStallMs ends with 3008, whatever little waits', async () => {
  const limits = { writeStallMs: 300, maxQueuedBytes: 16 * 1024 * 1024 };
  const server = await serve({ limits });
  const sockets: Socket[] = [];
  server.http.on('connection', (socket) => sockets.push(socket));
  const client = await connected(server, 'acme/eve');
  const publish = async () => {
    await server.node.publish(userChannel('eve'), `"${'x'.repeat(60_000)}"`);
    await turn();
    await turn();
  };
  client.socket.pause();
  while ((sockets[0]?.writableLength ?? 0) === 0) await publish();
  for (let more = 0; more < 5; more += 1) await publish(); // than the socket gets ahead of its time
  await expect.poll(() => server.node.stats().disconnects, { timeout: 3_000 }).toEqual({ 3008: 1 });
  expect(exceeded(server, 'writeStallMs')).toBe(1);
  expect(exceeded(server, 'maxQueuedBytes')).toBe(0);
  await expect.poll(() => server.node.stats().connections, { timeout: 3_000 }).toBe(0);
});

test('pongs are not taken in advance: one that nobody asked for ends with 3501', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/eve');
  client.send('{}');
  expect(await client.closed()).toBe(3501);
});

test('more unfinished commands than maxPendingCommands get 3013', async () => {
  const authorize = async () => await new Promise<never>(() => {});
  const server = await serve({
    rooms: { '*': { authorize } },
    limits: { commandBurst: 300, maxPendingCommands: 200 },
  });
  const client = await connected(server, 'acme/eve');
  const questions = (from: number) =>
    Array.from({ length: 100 }, (_, n) => ({
      id: from + n,
      history: { channel: `chat:${from + n}` },
    }));
  client.send(...questions(2));
  client.send(...questions(102));
  await sleep(50);
  expect(client.closeCode).toBeNull();
  client.send({ id: 300, history: { channel: 'chat:300' } });
  expect(await client.closed()).toBe(3013);
  expect(exceeded(server, 'maxPendingCommands')).toBe(1);
});

test('a connection that the server ended for one limit is counted once, under its code', async () => {
  const server = await serve({ limits: { maxErrorsPerMinute: 1 } });
  const clients = await Promise.all(
    ['a', 'b', 'c'].map((user) => connected(server, `acme/${user}`)),
  );
  for (const client of clients) client.send(...commands(5, { rpc: {} }));
  await Promise.all(clients.map((client) => client.closed()));
  expect(server.node.stats()).toMatchObject({
    disconnects: { [disconnects.tooManyErrors.code]: 3 },
    errors: { 108: 6 },
  });
});

test('more bytes than inboundBytesPerSecond, burst and all, get 3013', async () => {
  const server = await serve({
    limits: { inboundBytesPerSecond: NEVER, inboundBurstBytes: 100_000 },
  });
  const client = await connected(server, 'acme/eve');
  client.send({ id: 2, rpc: { data: 'x'.repeat(60_000) } });
  await client.reply(2);
  client.send({ id: 3, rpc: { data: 'x'.repeat(60_000) } });
  expect(await client.closed()).toBe(3013);
  expect(exceeded(server, 'inboundBytesPerSecond')).toBe(1);
});
