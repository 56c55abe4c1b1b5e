import { type Principal, ProtocolError, type Reauthorize, type RoomRules } from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import { describe, expect, test } from 'vitest';
import {
  acme,
  allChannel,
  connected,
  globex,
  RawClient,
  roomChannel,
  serve,
  watchSessions,
} from './harness.ts';

const ada = { realm: acme, userId: 'ada' };
const roleChannel = (role: string) => ({ realm: acme, target: { kind: 'role', role } }) as const;

/** An app whose memory of who may what can change, and fail. */
function changingApp() {
  const app = {
    roles: ['a'],
    rooms: ['team:1'],
    guests: new Set(['chat:1', 'chat:2']),
    isDown: false,
    asked: 0,
  };
  const tell = <T>(answer: T): T => {
    if (app.isDown) throw new Error('database down');
    return answer;
  };
  const rooms: RoomRules = { 'chat:*': { authorize: (_, room) => tell(app.guests.has(room)) } };
  const reauthorize: Reauthorize = (principal) => {
    app.asked += 1;
    return tell({ ...principal, roles: app.roles });
  };
  return { app, options: { rooms, roomsOf: () => tell(app.rooms), reauthorize } };
}

const sorted = (texts: readonly unknown[]) =>
  texts.map(String).toSorted((a, b) => (a < b ? -1 : 1));
const wireEnds = (client: RawClient) =>
  client.lines.flatMap(({ push }) =>
    push?.unsubscribe ? [`${push.channel} ${push.unsubscribe.code}`] : [],
  );
const wireBegins = (client: RawClient) =>
  client.lines.flatMap(({ push }) => (push?.subscribe ? [push.channel] : []));

describe.each([
  ['memory', () => ({})],
  ['slow', () => ({ broker: new SlowBroker({ maxDelayMs: 5 }) })],
])('on the %s broker', (_name, broker) => {
  test('a user who was put into a room while away is in it on the next connect, until taken out', async () => {
    const server = await serve(broker());
    const { users } = server.node;
    await users.joinRoom(ada, 'chat:1');
    await users.joinRoom(ada, 'chat:2');
    await users.leaveRoom(ada, 'chat:2');
    const client = new RawClient(server.url);
    const { subs = {} } = await client.connect('acme/ada');
    expect(Object.keys(subs).toSorted()).toEqual(['@all', '@user', 'chat:1']);
    const namesake = new RawClient(server.url);
    expect(Object.keys((await namesake.connect('globex/ada')).subs ?? {})).not.toContain('chat:1');
  });

  test('joins and leaves at once end as the last of them says, on the wire and on the next connect', async () => {
    const server = await serve(broker());
    const client = await connected(server, 'acme/ada');
    const { users } = server.node;
    await Promise.all([
      users.joinRoom(ada, 'chat:1'),
      users.leaveRoom(ada, 'chat:1'),
      users.joinRoom(ada, 'chat:1'),
      users.joinRoom(ada, 'chat:2'),
      users.leaveRoom(ada, 'chat:2'),
    ]);
    await server.node.publish(roomChannel('chat:2'), '"no"');
    await server.node.publish(roomChannel('chat:1'), '"yes"');
    await client.publication('yes');
    expect(client.pushed).toEqual(['yes']);
    expect(await users.roomsOf(ada)).toEqual(['chat:1']);
  });

  test('new permissions take effect without a reconnect: roles, rooms, and what the client asked for', async () => {
    const { app, options } = changingApp();
    const server = await serve({ ...options, ...broker() });
    const client = await connected(server, 'acme/ada/a');
    for (const [index, channel] of ['chat:1', 'chat:2'].entries()) {
      await client.ask(index + 2, { subscribe: { channel } });
    }
    Object.assign(app, { roles: ['b'], rooms: ['team:2'] });
    app.guests.delete('chat:1');
    await server.node.users.refreshPermissions(ada);
    const own = ['chat:1', 'chat:2', 'team:1', 'team:2'].map((room) => roomChannel(room));
    for (const channel of [...own, roleChannel('a'), roleChannel('b')]) {
      await server.node.publish(channel, JSON.stringify(Object.values(channel.target)[1]));
    }
    await client.publication('b');
    expect(sorted(client.pushed)).toEqual(['b', 'chat:2', 'team:2']);
    expect(sorted(wireEnds(client))).toEqual(['@role:a 2000', 'chat:1 2000', 'team:1 2000']);
    expect(sorted(wireBegins(client))).toEqual(['@role:b', 'team:2']);
  });

  test('rooms of joinRoom stay through a change of permissions, and one joined meanwhile is not lost', async () => {
    const { app, options } = changingApp();
    const server = await serve({ ...options, ...broker() });
    const client = await connected(server, 'acme/ada/a');
    const { users } = server.node;
    app.rooms = [];
    await Promise.all([
      users.joinRoom(ada, 'chat:7'),
      users.refreshPermissions(ada),
      users.joinRoom(ada, 'chat:8'),
      users.refreshPermissions(ada),
    ]);
    for (const room of ['chat:7', 'chat:8']) {
      await server.node.publish(roomChannel(room), JSON.stringify(room));
    }
    await client.publication('chat:8');
    expect(client.pushed).toEqual(['chat:7', 'chat:8']);
    expect(wireEnds(client)).toEqual(['team:1 2000']);
  });
});

test('a client that is just being let in is decided about anew', async () => {
  const { app, options } = changingApp();
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  let calls = 0;
  const authorize = async (): Promise<boolean> => {
    calls += 1;
    if (calls > 1) return app.guests.has('chat:1');
    asked.resolve();
    return await answer.promise;
  };
  const server = await serve({ ...options, rooms: { 'chat:*': { authorize } } });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, subscribe: { channel: 'chat:1' } });
  await asked.promise;
  app.guests.clear();
  const refreshing = server.node.users.refreshPermissions(ada);
  answer.resolve(true); // decided by what was so before
  await refreshing;
  await server.node.publish(roomChannel('chat:1'), '"secret"');
  await client.line(({ push }) => push?.unsubscribe !== undefined);
  expect(client.pushed).toEqual([]);
});

test('a client that came with a token is decided about by the one that it brought last', async () => {
  let valid = 'first';
  const server = await serve({
    reauthorize: (principal) => principal,
    rooms: {
      'token:*': {
        authorize: (_principal, _room, { token }) =>
          token === valid && { expiresAt: Date.now() + 60_000 },
      },
    },
  });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'token:1', token: 'first' } });
  valid = 'second';
  await client.ask(3, { sub_refresh: { channel: 'token:1', token: 'second' } });
  await server.node.users.refreshPermissions(ada);
  expect(wireEnds(client)).toEqual([]);
  valid = 'third';
  await server.node.users.refreshPermissions(ada);
  await client.line(({ push }) => push?.unsubscribe !== undefined);
  expect(wireEnds(client)).toEqual(['token:1 2000']);
});

test.each<[string, Partial<{ reauthorize: Reauthorize }>, number]>([
  ['there is no reauthorize', {}, 3011],
  ['nobody is there any more', { reauthorize: () => null }, 3503],
  ['it is over', { reauthorize: (principal) => ({ ...principal, expiresAt: 1 }) }, 3005],
  ['it is somebody else', { reauthorize: (principal) => ({ ...principal, userId: 'ben' }) }, 3011],
  ['it is another tenant', { reauthorize: (principal) => ({ ...principal, realm: globex }) }, 3011],
  [
    'nobody can tell',
    {
      reauthorize: () => {
        throw new Error('database down');
      },
    },
    3011,
  ],
])('a change of permissions ends the connection when %s', async (_case, options, code) => {
  const server = await serve(options);
  const client = await connected(server, 'acme/ada');
  const other = await connected(server, 'acme/ben');
  const namesake = await connected(server, 'globex/ada');
  await server.node.users.refreshPermissions(ada);
  expect(await client.closed()).toBe(code);
  for (const { closeCode } of [other, namesake]) expect(closeCode).toBeNull();
});

test('permissions are asked again from time to time; an outage ends nothing', async () => {
  const { app, options } = changingApp();
  const server = await serve({ ...options, limits: { reauthorizeIntervalMs: 200 } });
  const client = await connected(server, 'acme/ada/a');
  app.isDown = true;
  const before = app.asked;
  await expect.poll(() => app.asked).toBeGreaterThan(before + 1);
  expect(client.closeCode).toBeNull();
  Object.assign(app, { isDown: false, roles: ['a', 'b'] });
  await client.line(({ push }) => push?.channel === '@role:b' && push.subscribe !== undefined);
});

test('without reauthorize a connection comes back through authenticate after a while, and recovers', async () => {
  const server = await serve({
    limits: {
      reauthorizeIntervalMs: 100,
      publishesPerSecond: Infinity,
      history: { size: 100_000, ttlMs: 60_000, maxBytes: 64 * 1024 * 1024 }, // however busy the machine
    },
  });
  const client = server.client('acme/ada');
  const received: unknown[] = [];
  const connects: { recovered: boolean | undefined }[] = [];
  client.on('publication', ({ data }) => received.push(data));
  client.on('subscribed', ({ channel, wasRecovering, recovered }) => {
    if (channel === '@all' && wasRecovering) connects.push({ recovered });
  });
  client.connect();
  await client.ready();
  const channel = { realm: acme, target: { kind: 'all' } } as const;
  for (let n = 0; connects.length < 2; n += 1) {
    await server.node.publish(channel, String(n));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(connects.every(({ recovered }) => recovered)).toBe(true);
  expect(received).toEqual(received.map((_, index) => index));
  expect(server.node.stats().disconnects[3011]).toBeGreaterThan(0);
});

test('who was asked about while permissions changed comes back, and is asked about anew', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  let roles = ['a'];
  const authenticate = async (): Promise<Principal> => {
    const found = { userId: 'ada', realm: acme, roles };
    asked.resolve();
    await answer.promise;
    return found;
  };
  const server = await serve({ authenticate });
  const first = await new RawClient(server.url).open();
  first.send({ id: 1, connect: { token: 'same' } });
  await asked.promise;
  roles = [];
  await server.node.users.refreshPermissions(ada);
  const second = await new RawClient(server.url).open();
  second.send({ id: 1, connect: { token: 'same' } }); // must not share the answer of the first
  answer.resolve();
  expect(await first.closed()).toBe(3011);
  expect(Object.keys((await second.reply(1)).connect?.subs ?? {})).toEqual(['@user', '@all']);
});

test('a user is kept in no more rooms than the limit says, and goes on as before', async () => {
  const server = await serve({ limits: { maxRoomsPerUser: 2 } });
  const { users } = server.node;
  await users.joinRoom(ada, 'chat:1');
  await users.joinRoom(ada, 'chat:2');
  await users.joinRoom(ada, 'chat:2');
  await expect(users.joinRoom(ada, 'chat:3')).rejects.toMatchObject({
    name: 'LimitExceededError',
    limit: 'maxRoomsPerUser',
  });
  await users.joinRoom({ ...ada, realm: globex }, 'chat:3');
  expect(await users.roomsOf(ada)).toEqual(['chat:1', 'chat:2']);
  expect(server.node.stats().limits.maxRoomsPerUser).toBe(1);
});

test('more rooms than a connection may have do not shut its user out', async () => {
  const server = await serve({ limits: { maxSubscriptions: 4 } });
  for (let n = 1; n <= 5; n += 1) await server.node.users.joinRoom(ada, `chat:${n}`);
  const { subs = {} } = await new RawClient(server.url).connect('acme/ada');
  expect(Object.keys(subs)).toEqual(['@user', '@all', 'chat:1', 'chat:2']);
});

test('a refresh that was asked about before permissions changed does not bring them back', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  let roles = ['a'];
  let calls = 0;
  const authenticate = async (): Promise<Principal> => {
    const found = { userId: 'ada', realm: acme, roles, expiresAt: Date.now() + 60_000 };
    calls += 1;
    if (calls > 1) {
      asked.resolve();
      await answer.promise;
    }
    return found;
  };
  const reauthorize: Reauthorize = (principal) => ({ ...principal, roles });
  const server = await serve({ authenticate, reauthorize });
  const client = await connected(server, 'first');
  client.send({ id: 2, refresh: { token: 'second' } });
  await asked.promise;
  roles = [];
  await server.node.users.refreshPermissions(ada);
  answer.resolve();
  expect(await client.closed()).toBe(3011);
  expect(wireEnds(client)).toEqual(['@role:a 2000']);
  expect(wireBegins(client)).toEqual([]);
});

test('whoever has gone before it was their turn is not held on to', async () => {
  const held = Promise.withResolvers<void>();
  const { sessions, createSession } = watchSessions();
  let calls = 0;
  const options = {
    authenticate: () => ({ ...ada, roles: [], expiresAt: Date.now() + 60_000 }),
    roomsOf: async () => {
      calls += 1;
      if (calls === 3) await held.promise; // the first client's refresh
      return [];
    },
  };
  const server = await serve(options, { createSession });
  const clients = [await connected(server, 'one'), await connected(server, 'two')];
  for (const client of clients) await client.ask(2, { refresh: { token: 'another' } });
  clients[1]?.socket.terminate();
  await expect.poll(() => sessions[1]?.isClosed).toBe(true);
  held.resolve();
  await server.node.users.inTurn(ada, async () => {});
  expect(sessions.map(({ lifetime }) => lifetime.spoke !== null)).toEqual([true, false]);
});

test('a rule that says no in words of its own ends a subscription, one that cannot tell does not', async () => {
  let answer: unknown = true;
  const authorize = () => {
    if (answer instanceof Error) throw answer;
    return true;
  };
  const { options } = changingApp();
  const server = await serve({
    ...options,
    rooms: { 'chat:*': { authorize } },
    limits: { reauthorizeIntervalMs: 50 },
  });
  const client = await connected(server, 'acme/ada/a');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  answer = new ProtocolError(1000, 'busy', true);
  const before = server.node.stats().counts.hooksFailed;
  await server.node.publish(roomChannel('chat:1'), '"still here"');
  await client.publication('still here');
  answer = new ProtocolError(403, 'not a member');
  await client.line(({ push }) => push?.unsubscribe !== undefined);
  expect(wireEnds(client)).toEqual(['chat:1 2000']);
  expect(server.node.stats().counts.hooksFailed).toBe(before);
});

test('a room that the app has put its user into does not end by its rule', async () => {
  const { app, options } = changingApp();
  const server = await serve(options);
  const client = await connected(server, 'acme/ada/a');
  for (const [index, channel] of ['chat:1', 'chat:2'].entries()) {
    await client.ask(index + 2, { subscribe: { channel } });
  }
  await server.node.users.joinRoom(ada, 'chat:1');
  app.guests.clear();
  await server.node.users.refreshPermissions(ada);
  await server.node.publish(roomChannel('chat:1'), '"hello"');
  await client.publication('hello');
  expect(wireEnds(client)).toEqual(['chat:2 2000']);
});

test.each<[string, Reauthorize, Partial<Principal>]>([
  ['says nothing of the end', ({ userId, realm, roles }) => ({ userId, realm, roles }), {}],
  ['gives another end', (principal) => ({ ...principal, expiresAt: 9e15 }), { expiresAt: 9e15 }],
])('a reauthorize that %s', async (_case, reauthorize, changes) => {
  const known = { ...ada, roles: [], issuedAt: 1_000, expiresAt: Date.now() + 60_000 };
  const { sessions, createSession } = watchSessions();
  const server = await serve({ authenticate: () => known, reauthorize }, { createSession });
  await connected(server, 'any');
  await server.node.users.refreshPermissions(ada);
  expect(sessions[0]?.principal).toEqual({ ...known, ...changes });
});

test('an end that was moved stays where it is when permissions are asked again', async () => {
  const { sessions, createSession } = watchSessions();
  const server = await serve(
    {
      authenticate: () => ({ ...ada, roles: [], expiresAt: Date.now() + 1_000 }),
      reauthorize: (principal) => ({ ...principal, roles: [] }),
    },
    { createSession },
  );
  await connected(server, 'any');
  const later = Date.now() + 60_000;
  await server.node.users.extend(ada, later);
  await server.node.users.refreshPermissions(ada);
  expect(sessions[0]?.principal.expiresAt).toBe(later);
  await server.node.users.extend(ada, null);
  await server.node.users.refreshPermissions(ada);
  expect(sessions[0]?.principal).not.toHaveProperty('expiresAt');
});

test('a slow reader is not cut off because it is time to ask about it', async () => {
  let asked = 0;
  const server = await serve({
    reauthorize: (principal) => {
      asked += 1;
      return principal;
    },
    limits: {
      reauthorizeIntervalMs: 1_200,
      maxQueuedBytes: 64 * 1024 * 1024,
      publishesPerSecond: Infinity,
      fanOutBytesPerSecond: Infinity,
    },
  });
  const client = await connected(server, 'acme/ada');
  client.socket.pause();
  const payload = JSON.stringify('x'.repeat(8_000));
  for (let n = 0; n < 1_000; n += 1) {
    await server.node.publish(allChannel(), payload);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => asked, { timeout: 5_000 }).toBeGreaterThan(1);
  expect(server.node.stats().connections).toBe(1);
});
