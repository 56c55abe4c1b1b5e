import { PLATFORM } from '@trunkline/contract';
import {
  BrokerUnavailableError,
  MemoryBroker,
  type Principal,
  supportView,
} from '@trunkline/server';
import { expect, test } from 'vitest';
import { acme, allChannel, connected, globex, RawClient, roomChannel, serve } from './harness.ts';
import { RawStream } from './raw-stream.ts';

/** Whoever reads slowly is waited for, and nobody publishes too fast. */
const unhurried = {
  maxQueuedBytes: 64 * 1024 * 1024,
  publishesPerSecond: Infinity,
  fanOutBytesPerSecond: Infinity,
  fanOutBurstBytes: Infinity,
};
const ada = { realm: acme, userId: 'ada' };

/** Tokens are `tenant/user@issuedAt`. */
const authenticate = ({ token = '' }: { token?: string }): Principal => {
  const [name = '', issuedAt] = token.split('@');
  const [tenantId = '', userId = ''] = name.split('/');
  const issued = issuedAt === undefined ? {} : { issuedAt: Number(issuedAt) };
  return { userId, realm: { kind: 'tenant', tenantId }, roles: [], ...issued };
};

async function codeOf(server: Awaited<ReturnType<typeof serve>>, token: string): Promise<number> {
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token } });
  const outcome = await Promise.race([
    client.closed(),
    client.reply(1).then(
      () => 0,
      () => 0,
    ),
  ]);
  return client.closeCode ?? outcome;
}

test('what was issued to a user before they were disconnected does not count any more', async () => {
  const server = await serve({ authenticate });
  const now = Date.now();
  await server.node.users.disconnect(ada);
  expect(await codeOf(server, `acme/ada@${now - 1_000}`)).toBe(3500);
  expect(await codeOf(server, `acme/ada@${Date.now() + 1}`)).toBe(0);
  expect(await codeOf(server, 'acme/ada')).toBe(0); // whoever authenticates must look for itself
  for (const other of ['acme/ben', 'globex/ada']) {
    expect(await codeOf(server, `${other}@${now - 1_000}`)).toBe(0);
  }
});

test('a tenant is disconnected as a whole, and nobody else', async () => {
  const server = await serve({ authenticate });
  const clients = [await connected(server, 'acme/ada'), await connected(server, 'acme/ben')];
  const other = await connected(server, 'globex/ada');
  const before = Date.now() - 1_000;
  await server.node.users.disconnectRealm(acme);
  for (const client of clients) expect(await client.closed()).toBe(3503);
  expect(await codeOf(server, `acme/cleo@${before}`)).toBe(3500);
  expect(await codeOf(server, `globex/cleo@${before}`)).toBe(0);
  expect(other.closeCode).toBeNull();
});

test('a broker that cannot keep a revocation is said, and who was connected is out all the same', async () => {
  class ForgetfulBroker extends MemoryBroker {
    override async revoke(): Promise<void> {
      throw new BrokerUnavailableError('away');
    }
  }
  const server = await serve({ broker: new ForgetfulBroker() });
  const client = await connected(server, 'acme/ada');
  await expect(server.node.users.disconnect(ada)).rejects.toThrow('away');
  expect(await client.closed()).toBe(3503);
});

/** A client that takes nothing off its socket until it is told to. */
async function connectedReader(server: Awaited<ReturnType<typeof serve>>, token: string) {
  const client = await connected(server, token);
  return { client, stop: () => client.socket.pause(), goOn: () => client.socket.resume() };
}

/** Lets what was begun come as far as it can, and looks that it is not at its end. */
async function expectToWait(begun: Promise<void>): Promise<void> {
  let isOver = false;
  void begun.finally(() => {
    isOver = true;
  });
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
}

const PAYLOAD = JSON.stringify('x'.repeat(8_000));

/** Fills a reader's socket and queue with a room's content, between two words on another channel. */
async function fill(server: Awaited<ReturnType<typeof serve>>): Promise<void> {
  for (let n = 0; n < 60; n += 1) {
    await server.node.publish(roomChannel('chat:1'), PAYLOAD);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('of a room that was left nothing more is written, also not what waited for a slow reader', async () => {
  const rooms = { 'chat:*': { authorize: () => true } };
  const server = await serve({ rooms, limits: unhurried });
  const { client, stop, goOn } = await connectedReader(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  stop();
  const published = 2_000;
  for (let n = 0; n < published / 60; n += 1) await fill(server);
  const leaving = server.node.users.leaveRoom(ada, 'chat:1');
  await expectToWait(leaving); // for what the socket has
  goOn();
  await leaving;
  await server.node.publish(allChannel(), '"after"');
  await client.publication('after');
  const ofRoom = client.lines.filter(({ push }) => push?.channel === 'chat:1');
  expect(ofRoom.at(-1)?.push?.unsubscribe?.code).toBe(2000);
  expect(ofRoom.length).toBeLessThan(published); // the rest was never sent
  expect(client.closeCode).toBeNull();
});

test('who does not take what was written before is cut off, so that the room is over in time', async () => {
  const rooms = { 'chat:*': { authorize: () => true } };
  const server = await serve({ rooms, limits: unhurried });
  const { client, stop } = await connectedReader(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  stop();
  for (let n = 0; n < 30; n += 1) await fill(server);
  const begun = performance.now();
  await server.node.users.leaveRoom(ada, 'chat:1');
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(server.node.connections.of(acme, 'ada')).toEqual([]);
});

test('a user who reads nothing is disconnected in time all the same', async () => {
  const server = await serve({ limits: unhurried });
  const { stop } = await connectedReader(server, 'acme/ada');
  stop();
  for (let n = 0; n < 60; n += 1) {
    await server.node.publish(allChannel(), PAYLOAD);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await server.node.users.disconnect(ada);
  expect(server.node.stats().connections).toBe(0);
});

test('under a stream of events nobody who was taken out of a room hears one that was published after', async () => {
  const rooms = { 'chat:*': { authorize: () => true } };
  const server = await serve({ rooms });
  const names = Array.from({ length: 20 }, (_, n) => `user${n}`);
  const clients = await Promise.all(names.map((name) => connected(server, `acme/${name}`)));
  await Promise.all(clients.map((client) => client.ask(2, { subscribe: { channel: 'chat:1' } })));
  let count = 0;
  const heardUpTo = new Map<string, number>();
  for (const [index, userId] of names.entries()) {
    for (let n = 0; n < 25; n += 1) {
      count += 1;
      void server.node.publish(roomChannel('chat:1'), String(count));
    }
    await server.node.users.leaveRoom({ realm: acme, userId }, 'chat:1');
    heardUpTo.set(names[index], count);
  }
  await server.node.publish(allChannel(), '"end"');
  await Promise.all(clients.map((client) => client.publication('end')));
  for (const [index, client] of clients.entries()) {
    const heard = client.pushed.filter((data): data is number => typeof data === 'number');
    expect(Math.max(0, ...heard)).toBeLessThanOrEqual(heardUpTo.get(names[index]) ?? 0);
    expect(heard).toEqual(heard.map((_, n) => n + 1));
  }
});

test('every revocation is on record, with who did it', async () => {
  const records: unknown[] = [];
  const server = await serve({ audit: { record: (record) => void records.push(record) } });
  const { users } = server.node;
  const by = { realm: acme, userId: 'boss' };
  await users.leaveRoom(ada, 'chat:1', { by, reason: 'left the company' });
  await users.refreshPermissions(ada);
  await users.disconnectRealm(globex);
  expect(records).toMatchObject([
    {
      action: 'revocation',
      userId: 'ada',
      room: 'chat:1',
      reason: 'left the company',
      details: { what: 'left-room', by },
    },
    { action: 'revocation', userId: 'ada', details: { what: 'permissions-refreshed' } },
    { action: 'revocation', realm: globex, details: { what: 'disconnected' } },
  ]);
});

test('what is taken from staff ends in the support views that they have open, too', async () => {
  const staff = { userId: 'root', realm: PLATFORM, roles: [] };
  const server = await serve({
    authenticate: ({ token }) =>
      token === 'view' ? supportView(staff, 'acme', { reason: 'a ticket' }) : staff,
  });
  const view = await connected(server, 'view');
  const own = await connected(server, 'staff');
  await server.node.users.extend({ realm: acme, userId: 'support:root' }, null);
  await server.node.users.disconnect(staff);
  for (const client of [view, own]) expect(await client.closed()).toBe(3503);
});

test('a support view cannot be made to last longer than it was opened for', async () => {
  const staff = { userId: 'root', realm: PLATFORM, roles: [] };
  const server = await serve({
    authenticate: () => supportView(staff, 'acme', { reason: 'a ticket', durationMs: 150 }),
  });
  const view = await connected(server, 'view');
  await server.node.users.extend({ realm: acme, userId: 'support:root' }, null);
  expect(await view.closed()).toBe(3005);
});

/** Rooms that are open while `isOpen`, and tell when somebody asks. */
function openRooms() {
  const asked = Promise.withResolvers<void>();
  const state = { isOpen: true, asked: asked.promise };
  const authorize = () => {
    asked.resolve();
    return state.isOpen;
  };
  return { state, rooms: { 'chat:*': { authorize, history: { size: 10 } } } };
}

/** As much as no socket takes at once, on a channel that nobody loses. */
async function clog(server: Awaited<ReturnType<typeof serve>>): Promise<void> {
  for (let n = 0; n < 1_000; n += 1) {
    await server.node.publish(allChannel(), PAYLOAD);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test.each(['leaveRoom', 'refreshPermissions'] as const)(
  'what was read of a room without a subscription is not sent behind a %s',
  async (way) => {
    const { state, rooms } = openRooms();
    const reauthorize = (principal: Principal) => principal;
    const server = await serve({ rooms, reauthorize, limits: unhurried });
    const { client, stop, goOn } = await connectedReader(server, 'acme/ada');
    await server.node.publish(roomChannel('chat:1'), '"secret"');
    stop();
    await clog(server);
    client.send({ id: 2, history: { channel: 'chat:1', limit: 10 } });
    await state.asked;
    state.isOpen = false;
    const { users } = server.node;
    const taking =
      way === 'leaveRoom' ? users.leaveRoom(ada, 'chat:1') : users.refreshPermissions(ada);
    await expectToWait(taking); // for what the socket has
    goOn();
    await taking;
    await server.node.publish(allChannel(), '"after"');
    await client.publication('after');
    expect(client.lines.filter(({ id }) => id === 2)).toEqual([]);
  },
);

test('what waits of a room that its client has left by itself is not sent once it is taken out', async () => {
  const { rooms } = openRooms();
  const server = await serve({ rooms, limits: unhurried });
  const { client, stop, goOn } = await connectedReader(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  stop();
  await clog(server);
  await server.node.publish(roomChannel('chat:1'), '"secret"');
  client.send({ id: 3, unsubscribe: { channel: 'chat:1' } });
  await expect.poll(() => server.node.stats().subscriptions).toBe(2);
  const leaving = server.node.users.leaveRoom(ada, 'chat:1');
  await expectToWait(leaving); // for what the socket has
  goOn();
  await leaving;
  await client.reply(3);
  expect(client.pushed).not.toContain('secret');
});

test('who is taken out of a room hears no more of it at once, however long others wait for their turn', async () => {
  const held = Promise.withResolvers<void>();
  const { rooms } = openRooms();
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  const before = server.node.users.inTurn(ada, () => held.promise);
  const leaving = server.node.users.leaveRoom(ada, 'chat:1');
  await client.line(({ push }) => push?.unsubscribe !== undefined);
  await server.node.publish(roomChannel('chat:1'), '"secret"');
  held.resolve();
  await Promise.all([before, leaving]);
  await server.node.publish(allChannel(), '"after"');
  await client.publication('after');
  expect(client.pushed).toEqual(['after']);
});

test('a broker that cannot take a join back is said, and who was in the room is out all the same', async () => {
  class ForgetlessBroker extends MemoryBroker {
    override async removeJoin(): Promise<void> {
      throw new BrokerUnavailableError('away');
    }
  }
  const server = await serve({ broker: new ForgetlessBroker() });
  const client = await connected(server, 'acme/ada');
  await server.node.users.joinRoom(ada, 'chat:1');
  await expect(server.node.users.leaveRoom(ada, 'chat:1')).rejects.toThrow('away');
  await server.node.publish(roomChannel('chat:1'), '"secret"');
  await server.node.publish(allChannel(), '"after"');
  await client.publication('after');
  expect(client.pushed).toEqual(['after']);
});

test('without reauthorize nothing that waited is sent behind a change of permissions', async () => {
  const server = await serve({ limits: unhurried });
  const { stop } = await connectedReader(server, 'acme/ada');
  stop();
  await clog(server);
  await server.node.users.refreshPermissions(ada);
  expect(server.node.stats().connections).toBe(0);
});

test.each(['leaveRoom', 'disconnect', 'refreshPermissions'] as const)(
  'a connection that is just being closed says nothing more behind a %s',
  async (way) => {
    const server = await serve({ limits: unhurried });
    const { client, stop } = await connectedReader(server, 'acme/ada');
    stop();
    await clog(server);
    client.send('garbage');
    await expect.poll(() => server.node.stats().disconnects[3501]).toBe(1);
    const { users } = server.node;
    if (way === 'leaveRoom') await users.leaveRoom(ada, 'chat:1');
    else await users[way](ada);
    await expect.poll(() => server.node.stats().connections, { timeout: 400 }).toBe(0);
  },
);

test('an old token that lets somebody in while the broker is told of its revocation opens nothing', async () => {
  const stored = Promise.withResolvers<void>();
  class LateBroker extends MemoryBroker {
    override async revoke(...revocation: Parameters<MemoryBroker['revoke']>): Promise<void> {
      await stored.promise;
      await super.revoke(...revocation);
    }
  }
  const server = await serve({ authenticate, broker: new LateBroker() });
  const now = Date.now();
  const revoking = server.node.users.disconnect(ada);
  const old = await connected(server, `acme/ada@${now - 1_000}`);
  const young = await connected(server, `acme/ada@${Date.now() + 60_000}`);
  stored.resolve();
  await revoking;
  expect(await old.closed()).toBe(3503);
  expect(young.closeCode).toBeNull();
});

test('what was issued to staff before they were disconnected opens no support view either', async () => {
  const server = await serve({
    authenticate: ({ token }) => {
      const staff = { userId: 'root', realm: PLATFORM, roles: [], issuedAt: Number(token) };
      return supportView(staff, 'acme', { reason: 'a ticket' });
    },
  });
  const now = Date.now();
  await server.node.users.disconnect({ realm: PLATFORM, userId: 'root' });
  expect(await codeOf(server, String(now - 1_000))).toBe(3500);
  expect(await codeOf(server, String(Date.now() + 1))).toBe(0);
});

test('with the platform disconnected all support views end', async () => {
  const staff = { userId: 'root', realm: PLATFORM, roles: [] };
  const server = await serve({
    authenticate: ({ token }) =>
      token === 'view'
        ? supportView(staff, 'acme', { reason: 'a ticket' })
        : authenticate(token === undefined ? {} : { token }),
  });
  const view = await connected(server, 'view');
  const other = await connected(server, 'acme/ada');
  await server.node.users.disconnectRealm(PLATFORM);
  expect(await view.closed()).toBe(3503);
  expect(other.closeCode).toBeNull();
});

test('nobody in particular is taken out of nothing', async () => {
  const { rooms } = openRooms();
  const server = await serve({
    rooms,
    authenticate: () => ({ userId: '', realm: acme, roles: [] }),
  });
  const client = await connected(server, 'any');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  const nobody = { realm: acme, userId: '' };
  await expect(server.node.users.leaveRoom(nobody, 'chat:1')).rejects.toThrow(/anonymous/);
  await expect(server.node.users.disconnect(nobody)).rejects.toThrow(/anonymous/);
  await server.node.publish(roomChannel('chat:1'), '"hello"');
  await client.publication('hello');
  expect(server.audit.records.filter(({ action }) => action === 'revocation')).toEqual([]);
});

test.each(['http_stream', 'sse'] as const)(
  'over %s, too, nothing of a room is written behind its end, and nothing at all behind a disconnect',
  async (transport) => {
    const { rooms } = openRooms();
    const server = await serve({ rooms, limits: unhurried });
    const stream = new RawStream(server, [{ id: 1, connect: { token: 'acme/ada' } }], {
      transport,
    });
    const response = await stream.open();
    await stream.post({ id: 2, subscribe: { channel: 'chat:1' } });
    await stream.reply(2);
    response.pause();
    for (let n = 0; n < 17; n += 1) await fill(server);
    const leaving = server.node.users.leaveRoom(ada, 'chat:1');
    await expectToWait(leaving); // for what the socket has
    response.resume();
    await leaving;
    await server.node.publish(allChannel(), '"after"');
    await stream.publication('after');
    const ofRoom = stream.lines.filter(({ push }) => push?.channel === 'chat:1');
    expect(ofRoom.at(-1)?.push?.unsubscribe?.code).toBe(2000);
    expect(ofRoom.length).toBeLessThan(17 * 60);
    response.pause();
    await clog(server);
    await server.node.users.disconnect(ada);
    expect(server.node.stats()).toMatchObject({ connections: 0, httpConnections: 0 });
  },
);
