import type { RoomRule } from '@trunkline/server';
import { TokenVerifier } from '@trunkline/server/tokens';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { eventOf, roomChannel, serve, type TransportName } from './harness.ts';

// What docs/protocol.md shows: everybody may come in and do what stock clients do.
const everybody = { kind: 'tenant', tenantId: 'public' } as const;
const open: RoomRule = {
  authorize: () => true,
  presence: true,
  joinLeave: true,
  publish: 'members',
  payload: 'json',
};
const tokens = new TokenVerifier({
  keys: [{ algorithms: ['HS256'], secret: 'secret', realm: everybody }],
  maxLifetimeMs: Infinity,
  anonymous: () => ({ userId: '', realm: everybody, roles: [] }),
});
const rooms = {
  'token:*': { ...open, authorize: tokens.authorize },
  'recovery:*': { ...open, history: { size: 100, ttlMs: 60_000 } },
  '*': { ...open, history: false as const },
};

async function openServer() {
  return await serve({ authenticate: tokens.authenticate, rooms }, { origins: ['*'] });
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe.each<TransportName>(['websocket', 'http_stream', 'sse'])('over %s', (transport) => {
  test('an anonymous client publishes any JSON, sees who is there, and is gone when it has left', async () => {
    const server = await openServer();
    const client = server.client('', {}, { transport });
    const room = client.newSubscription('test');
    const got = eventOf<{ data: unknown }>(room, 'publication');
    room.subscribe();
    client.connect();
    await room.publish({ my: 'data' });
    expect((await got).data).toEqual({ my: 'data' });
    expect(Object.keys((await room.presence()).clients)).toHaveLength(1);
    expect(await room.presenceStats()).toEqual({ numClients: 1, numUsers: 1 });
    await expect(client.rpc('method', {})).rejects.toMatchObject({ code: 108 });
    room.unsubscribe();
    while ((await client.presenceStats('test')).numClients > 0) await turn();
  });

  test('a room that is entered and left many times in a row is as it was left last', async () => {
    const server = await openServer();
    const client = server.client('', {}, { transport });
    const room = client.newSubscription('test');
    client.connect();
    await client.ready();
    for (let round = 0; round < 10; round += 1) {
      room.subscribe();
      room.unsubscribe();
    }
    room.subscribe();
    expect(await room.presenceStats()).toEqual({ numClients: 1, numUsers: 1 });
    room.unsubscribe();
    while ((await client.presenceStats('test')).numClients > 0) await turn();
    expect(Object.keys((await client.presence('test')).clients)).toEqual([]);
  });

  test('a client that connects and disconnects many times in a row leaves nothing', async () => {
    const server = await openServer();
    const client = server.client('', {}, { transport });
    for (let round = 0; round < 10; round += 1) {
      client.connect();
      if (round % 3 === 0) await client.ready();
      client.disconnect();
    }
    await expect.poll(() => server.node.stats().connections).toBe(0);
    expect(server.node.stats()).toMatchObject({ channels: 0, httpConnections: 0 });
  });

  test('what was published while it was away comes back where the rule keeps it', async () => {
    const server = await openServer();
    const client = server.client('', {}, { transport });
    const room = client.newSubscription('recovery:1');
    const got: unknown[] = [];
    room.on('publication', ({ data }) => got.push(data));
    room.subscribe();
    client.connect();
    await room.ready();
    client.disconnect();
    const channel = roomChannel('recovery:1', everybody);
    for (const n of [1, 2, 3]) await server.node.publish(channel, `{"seq":${n}}`);
    const back = eventOf<{ recovered: boolean }>(room, 'subscribed');
    client.connect();
    expect((await back).recovered).toBe(true);
    await room.ready();
    expect(got).toEqual([{ seq: 1 }, { seq: 2 }, { seq: 3 }]);
  });

  test('a subscription token needs to name its room, and nothing else', async () => {
    const server = await openServer();
    const secret = new TextEncoder().encode('secret');
    const sign = async (channel: string) =>
      await new SignJWT({ channel })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuedAt(1_737_532_348)
        .sign(secret);
    const client = server.client('', {}, { transport });
    const names = ['token:1', 'token:2', 'token:3'];
    const all = names.map((name) =>
      client.newSubscription(name, { getToken: async () => await sign(name) }),
    );
    for (const room of all) room.subscribe();
    client.connect();
    await Promise.all(all.map((room) => room.ready()));
    const bad = client.newSubscription('token:4', { getToken: async () => 'nonsense' });
    const refused = eventOf<{ code: number }>(bad, 'unsubscribed');
    bad.subscribe();
    expect((await refused).code).toBe(103);
  });
});
