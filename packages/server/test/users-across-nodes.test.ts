// What is done to a user on one node holds on all of them when the call resolves.
import { PLATFORM } from '@trunkline/contract';
import {
  BrokerUnavailableError,
  Disconnect,
  type Principal,
  type RoomRules,
  supportView,
} from '@trunkline/server';
import { describe, expect, test } from 'vitest';
import { type ClusterServer, serveCluster } from './cluster-harness.ts';
import {
  acme,
  allChannel,
  connected,
  fromToken,
  globex,
  RawClient,
  roomChannel,
  seeded,
} from './harness.ts';

const rooms: RoomRules = { 'chat:*': { authorize: () => true } };
const ada = { realm: acme, userId: 'ada' };
const calm = { gapCheckMs: 50 };
/** Nodes die fast. */
const hasty = { nodeIntervalMs: 100, nodeTtlMs: 800, orderTimeoutMs: 5_000, gapCheckMs: 50 };

/** A user on two nodes, and what was published behind an act reaches whoever still hears it. */
async function adaOnBoth(options: Parameters<typeof serveCluster>[1] = {}) {
  const servers = await serveCluster(2, { rooms, limits: calm, ...options });
  const clients = await Promise.all(servers.map((server) => connected(server, 'acme/ada')));
  return { servers, clients: clients as [RawClient, RawClient] };
}

const roomsOfPushes = ({ lines }: RawClient, kind: 'subscribe' | 'unsubscribe') =>
  lines.flatMap(({ push }) => (push?.[kind] ? [push.channel] : []));

test('who is put into a room hears it on every node, who is taken out of it on none', async () => {
  const { servers, clients } = await adaOnBoth();
  const [first, second] = servers;
  const ben = await connected(second, 'acme/ben');
  await first.node.users.joinRoom(ada, 'chat:1');
  for (const client of clients) expect(roomsOfPushes(client, 'subscribe')).toEqual(['chat:1']);
  await second.node.publish(roomChannel('chat:1'), '"hello"');
  for (const client of clients) await client.publication('hello');
  await second.node.users.leaveRoom(ada, 'chat:1');
  for (const client of clients) expect(roomsOfPushes(client, 'unsubscribe')).toEqual(['chat:1']);
  await first.node.publish(roomChannel('chat:1'), '"late"');
  await first.node.publish(allChannel(), '"end"');
  for (const client of [...clients, ben]) await client.publication('end');
  for (const client of clients) expect(client.pushed).toEqual(['hello', 'end']);
  expect(ben.pushed).toEqual(['end']);
});

test('who connects to another node afterwards is in the room, or out of it', async () => {
  const [first, second] = await serveCluster(2, { rooms });
  await first.node.users.joinRoom(ada, 'chat:1');
  const early = new RawClient(second.url);
  expect(Object.keys((await early.connect('acme/ada')).subs ?? {})).toContain('chat:1');
  await first.node.users.leaveRoom(ada, 'chat:1');
  const late = new RawClient(second.url);
  expect(Object.keys((await late.connect('acme/ada')).subs ?? {})).not.toContain('chat:1');
});

test('whoever let a client into a room, it is out on every node', async () => {
  const { servers, clients } = await adaOnBoth({ roomsOf: () => ['chat:own'] });
  await clients[1].ask(2, { subscribe: { channel: 'chat:asked' } });
  for (const room of ['chat:own', 'chat:asked']) await servers[0].node.users.leaveRoom(ada, room);
  expect(roomsOfPushes(clients[1], 'unsubscribe')).toEqual(['chat:own', 'chat:asked']);
});

test('a room that could not be joined on another node is kept, and said', async () => {
  const servers = await serveCluster(2, { rooms, limits: { maxSubscriptions: 3 } });
  const [first, second] = servers;
  const full = await connected(second, 'acme/ada');
  await full.ask(2, { subscribe: { channel: 'chat:other' } });
  await expect(first.node.users.joinRoom(ada, 'chat:1')).rejects.toMatchObject({
    code: 'ORDER_FAILED',
    node: second.node.id,
  });
  expect(await second.node.users.roomsOf(ada)).toEqual(['chat:1']);
});

test('who is disconnected is so on every node, with the code that was given, and stays out', async () => {
  const { servers, clients } = await adaOnBoth({
    authenticate: (handshake) => ({ ...(fromToken(handshake) as Principal), issuedAt: 1_000 }),
  });
  const [first, second] = servers;
  const other = await connected(second, 'globex/ada');
  await first.node.users.disconnect(ada, new Disconnect(4_001, 'left the company'));
  expect(clients.map(({ closeCode }) => closeCode === null)).toEqual([false, false]);
  for (const client of clients) expect(await client.closed()).toBe(4_001);
  for (const server of servers) {
    const again = await new RawClient(server.url).open();
    again.send({ id: 1, connect: { token: 'acme/ada' } });
    expect(await again.closed()).toBe(3500);
  }
  expect(other.closeCode).toBeNull();
});

test('a realm is disconnected on every node, and no other one', async () => {
  const { servers, clients } = await adaOnBoth();
  const others = await Promise.all(servers.map((server) => connected(server, 'globex/ada')));
  await servers[1].node.users.disconnectRealm(acme);
  for (const client of clients) expect(await client.closed()).toBe(3503);
  expect(others.map(({ closeCode }) => closeCode)).toEqual([null, null]);
});

test('what is taken from staff ends their support views on every node', async () => {
  const staff: Principal = { userId: 'root', realm: PLATFORM, roles: [] };
  const view = supportView(staff, 'acme', { reason: 'a ticket' });
  const servers = await serveCluster(2, { authenticate: () => view });
  const clients = await Promise.all(servers.map((server) => connected(server, 'view')));
  await servers[0].node.users.disconnect(staff);
  for (const client of clients) expect(await client.closed()).toBe(3503);
});

test('who has come with something newer by then comes again, and is let in', async () => {
  let issuedAt = 0;
  const authenticate = () => ({ ...ada, roles: [], issuedAt });
  const { servers, clients } = await adaOnBoth({ authenticate });
  const [first, second] = servers;
  issuedAt = Date.now() + 60_000;
  const newer = await connected(second, 'any');
  await first.node.users.disconnect(ada);
  expect(await clients[1].closed()).toBe(3503);
  expect(await newer.closed()).toBe(3011);
  await connected(second, 'any');
});

test('a connect that is under way on another node when its user is disconnected is asked anew', async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const [first, second] = await serveCluster(2, {
    authenticate: async () => {
      asked.resolve();
      await release.promise;
      return { ...ada, roles: [] };
    },
  });
  const client = await new RawClient(second.url).open();
  client.send({ id: 1, connect: { token: 'any' } });
  await asked.promise;
  await first.node.users.disconnect(ada);
  release.resolve();
  expect(await client.closed()).toBe(3011);
});

test('permissions are asked again on every node: who lost a role hears no more of it', async () => {
  let roles = ['admins'];
  const { servers, clients } = await adaOnBoth({
    authenticate: () => ({ ...ada, roles }),
    reauthorize: (principal) => ({ ...principal, roles }),
  });
  roles = [];
  await servers[0].node.users.refreshPermissions(ada);
  for (const client of clients) {
    expect(roomsOfPushes(client, 'unsubscribe')).toEqual(['@role:admins']);
  }
});

test('a message comes to all connections, on whichever node; the end of them is moved on all', async () => {
  const { servers, clients } = await adaOnBoth();
  await servers[1].node.users.message(ada, '{"notice":"hello"}');
  for (const client of clients) {
    const { push } = await client.line((line) => line.push?.message !== undefined);
    expect(push?.message?.data).toEqual({ notice: 'hello' });
  }
  await servers[1].node.users.extend(ada, Date.now() - 10_000);
  for (const client of clients) expect(await client.closed()).toBe(3005);
});

test('a message as large as an event comes to every node, however much of it JSON must escape', async () => {
  const { servers, clients } = await adaOnBoth();
  const quotes = '"'.repeat((128 * 1024 - 2) / 2);
  await servers[0].node.users.message(ada, JSON.stringify(quotes));
  for (const client of clients) {
    const { push } = await client.line((line) => line.push?.message !== undefined);
    expect(push?.message?.data).toBe(quotes);
  }
});

test('who could not be forgotten as a member of a room is out of it on every node all the same', async () => {
  const { servers, clients } = await adaOnBoth();
  const [first, second] = servers;
  await second.node.users.joinRoom(ada, 'chat:1');
  first.broker.removeJoin = async () => await Promise.reject(new Error('read only'));
  await expect(first.node.users.leaveRoom(ada, 'chat:1')).rejects.toThrow('read only');
  await second.node.publish(roomChannel('chat:1'), '"late"');
  await second.node.publish(allChannel(), '"end"');
  for (const client of clients) {
    await client.publication('end');
    expect(client.pushed).toEqual(['end']);
  }
});

test('who came in on another node by a join that was taken back is out; who had asked for the room stays', async () => {
  const servers = await serveCluster(2, { rooms, limits: { ...calm, maxSubscriptions: 3 } });
  const [first, second] = servers;
  const full = await connected(first, 'acme/ada');
  await full.ask(2, { subscribe: { channel: 'chat:other' } });
  const asker = await connected(second, 'acme/ada');
  await asker.ask(2, { subscribe: { channel: 'chat:1' } });
  const late = new RawClient(second.url);
  const removeJoin = first.broker.removeJoin.bind(first.broker);
  first.broker.removeJoin = async (...join) => {
    expect(Object.keys((await late.connect('acme/ada')).subs ?? {})).toContain('chat:1');
    await removeJoin(...join);
  };
  await expect(first.node.users.joinRoom(ada, 'chat:1')).rejects.toThrow(/maxSubscriptions/);
  expect(roomsOfPushes(late, 'unsubscribe')).toEqual(['chat:1']);
  await first.node.publish(roomChannel('chat:1'), '"hello"');
  await first.node.publish(allChannel(), '"end"');
  for (const client of [asker, late]) await client.publication('end');
  expect([asker.pushed, late.pushed]).toEqual([['hello', 'end'], ['end']]);
});

test.each([
  ['extend', '"expiresAt":1e999'],
  ['disconnect', '"code":3503,"reason":"","at":1e999'],
])('an order (%s) with a moment that is beyond all numbers is refused', async (kind, fields) => {
  const { servers, clients } = await adaOnBoth();
  const [first, second] = servers;
  const data = `{"realm":${JSON.stringify(acme)},"userId":"ada",${fields}}`;
  const order = `{"type":"order","id":"1","from":"eve","kind":"${kind}","data":${data}}`;
  await first.broker.publish(`!node:${second.node.id}`, order, { history: null });
  await expect.poll(() => second.node.stats().counts.clusterRefused).toBe(1);
  await second.node.publish(allChannel(), '"end"');
  await clients[1].publication('end');
  expect(clients[1].closeCode).toBeNull();
});

test('a message that is too large for an event is refused, and said to nobody', async () => {
  const { servers, clients } = await adaOnBoth();
  const large = JSON.stringify('x'.repeat(130 * 1024));
  await expect(servers[0].node.users.message(ada, large)).rejects.toThrow(/at most 131072 bytes/);
  await servers[0].node.publish(allChannel(), '"end"');
  await clients[0].publication('end');
  expect(clients[0].lines.filter(({ push }) => push?.message)).toEqual([]);
});

test('what is done on two nodes is put on record once, where it was called', async () => {
  const { servers } = await adaOnBoth();
  const [first, second] = servers;
  await first.node.users.leaveRoom(ada, 'chat:1', { reason: 'asked to' });
  await first.node.users.disconnect(ada);
  const revocations = ({ audit }: ClusterServer) =>
    audit.records.filter(({ action }) => action === 'revocation').map(({ details }) => details);
  expect(revocations(first)).toMatchObject([{ what: 'left-room' }, { what: 'disconnected' }]);
  expect(revocations(second)).toEqual([]);
});

test('while the broker is away it holds here at once, and is said to hold nowhere else', async () => {
  const { servers, clients } = await adaOnBoth();
  const [first, second] = servers;
  await first.node.users.joinRoom(ada, 'chat:1');
  first.broker.cut();
  const { users } = first.node;
  await expect(users.leaveRoom(ada, 'chat:1')).rejects.toThrow(BrokerUnavailableError);
  expect(roomsOfPushes(clients[0], 'unsubscribe')).toEqual(['chat:1']);
  await expect(users.disconnect(ada)).rejects.toThrow(BrokerUnavailableError);
  expect(await clients[0].closed()).toBe(3503);
  await second.node.publish(roomChannel('chat:1'), '"still in"');
  await clients[1].publication('still in');
  first.broker.mend();
});

test('a node that was cut off from the others disconnects who was disconnected, when it is back', async () => {
  const { servers, clients } = await adaOnBoth({ limits: hasty });
  const [first, second] = servers;
  second.broker.cut();
  await first.node.users.disconnect(ada); // the other node counts as gone
  expect(clients[1].closeCode).toBeNull();
  expect(second.broker.lost).toBeGreaterThan(0);
  second.broker.mend();
  expect(await clients[1].closed()).toBe(3503);
});

test('of what was published while it was cut off a node delivers nothing to who was taken out meanwhile', async () => {
  for (const takeOut of ['leaveRoom', 'disconnect'] as const) {
    const { servers, clients } = await adaOnBoth({ limits: hasty });
    const [first, second] = servers;
    await first.node.users.joinRoom(ada, 'chat:1');
    const witness = await connected(second, 'acme/witness');
    await witness.ask(2, { subscribe: { channel: 'chat:1' } });
    second.broker.cut();
    if (takeOut === 'leaveRoom') await first.node.users.leaveRoom(ada, 'chat:1');
    else await first.node.users.disconnect(ada);
    for (const data of ['1', '2', '3']) await first.node.publish(roomChannel('chat:1'), data);
    second.broker.mend();
    await first.node.publish(roomChannel('chat:1'), '4');
    await witness.publication(4);
    expect(witness.pushed).toEqual([1, 2, 3, 4]);
    expect(clients[1].pushed).toEqual([]);
  }
});

/** What was ordered while it was cut off a node cannot read any more. */
function forgetOrders({ broker }: ClusterServer): void {
  const history = broker.history.bind(broker);
  broker.history = async (channel, afterOffset) => {
    const { top, publications } = await history(channel, afterOffset);
    return { top, publications: channel === '!control' ? [] : publications };
  };
}

test('where orders are lost for good, everybody is asked about again, and who may not is out', async () => {
  let isMember = true;
  const [first, second] = await serveCluster(2, {
    ...{ rooms, limits: hasty },
    authenticate: ({ token = '' }) => ({ ...ada, userId: token, roles: [] }),
    reauthorize: (principal) => (principal.userId === 'eve' && !isMember ? null : principal),
  });
  const ben = { realm: acme, userId: 'ben' };
  const clients = [await connected(second, 'eve'), await connected(second, 'ben')] as const;
  await first.node.users.joinRoom(ben, 'chat:1');
  forgetOrders(second);
  second.broker.cut();
  isMember = false;
  await first.node.users.leaveRoom(ben, 'chat:1');
  expect(second.broker.lost).toBeGreaterThan(0);
  second.broker.mend();
  expect(await clients[0].closed()).toBe(3503);
  await clients[1].line(({ push }) => push?.channel === 'chat:1' && push.unsubscribe !== undefined);
  expect(clients[1].closeCode).toBeNull();
  expect(second.node.stats().counts.ordersLost).toBe(1);
});

test('without reauthorize they all come again where orders are lost for good', async () => {
  const [first, second] = await serveCluster(2, { limits: hasty });
  const names = Array.from({ length: 30 }, (_, n) => `acme/user-${n}`);
  const clients = await Promise.all(names.map((name) => connected(second, name)));
  forgetOrders(second);
  second.broker.cut();
  await first.node.users.disconnect({ realm: globex, userId: 'nobody' });
  second.broker.mend();
  for (const client of clients) expect(await client.closed()).toBe(3011);
});

/** Two nodes with ada on both, and something that is being done to her on one of them until it is released. */
async function busyOn(busy: 0 | 1) {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const { servers, clients } = await adaOnBoth({
    limits: { ...calm, hookTimeoutMs: 20_000 },
    reauthorize: async (principal) => {
      asked.resolve();
      await release.promise;
      return principal;
    },
  });
  await servers[0].node.users.joinRoom(ada, 'chat:1');
  const [connection] = servers[busy].node.connections.of(acme, 'ada');
  const refreshing = connection.refreshPermissions();
  await asked.promise;
  return { servers, clients, release: release.resolve, refreshing };
}

test.each([0, 1] as const)(
  'who is taken out of a room is out everywhere at once, whatever is being done to them on node %i',
  async (busy) => {
    const { servers, clients, release, refreshing } = await busyOn(busy);
    const calledAt = performance.now();
    let isOver = false;
    const leaving = servers[0].node.users.leaveRoom(ada, 'chat:1').finally(() => {
      isOver = true;
    });
    for (const client of clients) {
      await client.line(({ push }) => push?.channel === 'chat:1' && push.unsubscribe !== undefined);
    }
    expect(performance.now() - calledAt).toBeLessThan(10_000);
    await servers[0].node.cluster.survey('stats', {}); // whatever was confirmed by now has come
    expect(isOver).toBe(false); // what is being done may put them in again
    release();
    await Promise.all([leaving, refreshing]);
    expect(await servers[1].node.users.roomsOf(ada)).toEqual([]);
  },
);

test('a new token that was asked about before orders were lost is no answer behind it', async () => {
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let isConnected = false;
  const [first] = await serveCluster(2, {
    authenticate: async () => {
      if (isConnected) {
        asked.resolve();
        await release.promise;
      }
      return { ...ada, roles: [], expiresAt: Date.now() + 60_000 };
    },
    reauthorize: (principal) => principal,
  });
  const client = await connected(first, 'any');
  isConnected = true;
  client.send({ id: 2, refresh: { token: 'another' } });
  await asked.promise;
  await first.node.users.recheckAll();
  expect(client.closeCode).toBeNull();
  release.resolve();
  expect(await client.closed()).toBe(3011);
});

test('two nodes that do things to one user at the same time do not wait for each other', async () => {
  const { servers } = await adaOnBoth();
  const acts = servers.flatMap(({ node: { users } }) =>
    Array.from({ length: 5 }, (_, n) => [
      users.joinRoom(ada, `chat:${n}`),
      users.leaveRoom(ada, `chat:${n}`),
      users.refreshPermissions(ada),
    ]).flat(),
  );
  const startedAt = performance.now();
  await Promise.all(acts);
  expect(performance.now() - startedAt).toBeLessThan(5_000); // half of what an order may take
});

describe('joins and leaves of one user that race on two nodes', () => {
  test.each([11, 12, 13, 14, 15, 16, 17, 18])(
    'end as the broker has kept them, on every connection (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const slow = { maxDelayMs: 4, random };
      const servers = await serveCluster(2, { rooms, limits: calm }, slow);
      const clients = await Promise.all(servers.map((server) => connected(server, 'acme/ada')));
      const acts: Promise<void>[] = [];
      for (let n = 0; n < 40; n += 1) {
        const { users } = (random() < 0.5 ? servers[0] : servers[1]).node;
        const room = `chat:${Math.floor(random() * 2)}`;
        acts.push(random() < 0.5 ? users.joinRoom(ada, room) : users.leaveRoom(ada, room));
        if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(acts);
      const kept = new Set(await servers[0].node.users.roomsOf(ada));
      for (const room of ['chat:0', 'chat:1']) {
        await servers[0].node.publish(roomChannel(room), JSON.stringify(room));
      }
      await servers[0].node.publish(allChannel(), '"end"');
      for (const client of clients) {
        await client.publication('end');
        expect(new Set(client.pushed)).toEqual(new Set([...kept, 'end']));
      }
    },
  );
});

test('who is in a room is seen on every node, with everybody of every node', async () => {
  const presence: RoomRules = {
    'chat:*': { authorize: () => true, presence: true, joinLeave: true },
  };
  const servers = await serveCluster(3, { rooms: presence });
  const clients = [];
  for (const [n, server] of servers.entries()) {
    const client = await connected(server, `acme/user-${n}`);
    await client.ask(2, { subscribe: { channel: 'chat:1', join_leave: true } });
    clients.push(client);
  }
  const stranger = await connected(servers[0], 'globex/user-9');
  await stranger.ask(2, { subscribe: { channel: 'chat:1' } });
  const membersOn = async ({ node }: ClusterServer) =>
    (await node.members(roomChannel('chat:1'))).members.map(({ userId }) => userId);
  for (const server of servers) {
    await expect.poll(() => membersOn(server)).toEqual(['user-0', 'user-1', 'user-2']);
  }
  clients[2]?.socket.close();
  await clients[0]?.line(({ push }) => push?.leave?.info.user === 'user-2');
  await expect.poll(() => membersOn(servers[1])).toEqual(['user-0', 'user-1']);
  const inGlobex = await servers[1].node.members(roomChannel('chat:1', globex));
  expect(inGlobex.members.map(({ userId }) => userId)).toEqual(['user-9']);
});
