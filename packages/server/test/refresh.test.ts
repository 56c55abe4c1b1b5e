import type { Principal, RoomRules } from '@trunkline/server';
import { TokenVerifier } from '@trunkline/server/tokens';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { acme, RawClient, roomChannel, serve } from './harness.ts';

const secret = new TextEncoder().encode('a secret of at least thirty-two bytes');
const tokens = new TokenVerifier({ keys: [{ algorithms: ['HS256'], secret }] });

/** A token that ends so many seconds from now, to the millisecond (RFC 7519, section 2). */
async function sign(seconds: number, claims: object = {}, key = secret): Promise<string> {
  const now = Date.now() / 1000;
  return await new SignJWT({ sub: 'ada', tenantId: 'acme', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt(now - 60)
    .setExpirationTime(now + seconds)
    .sign(key);
}

const rooms: RoomRules = {
  'open:*': { authorize: () => true },
  'token:*': { authorize: tokens.authorize },
};

async function start(limits = {}) {
  return await serve({ authenticate: tokens.authenticate, rooms, limits });
}

async function enter(token: string, limits = {}) {
  const server = await start(limits);
  const client = new RawClient(server.url);
  return { server, client, welcome: await client.connect(token) };
}

test('a token that ends is announced before its end, so that there is time for a new one', async () => {
  const { welcome } = await enter(await sign(60));
  expect(welcome).toMatchObject({ expires: true });
  expect(welcome.ttl).toBeGreaterThanOrEqual(48);
  expect(welcome.ttl).toBeLessThanOrEqual(50);
});

test('a token that ends very soon is announced with a second, never with none', async () => {
  const { welcome } = await enter(await sign(5));
  expect(welcome).toMatchObject({ expires: true, ttl: 1 });
});

test('who came without a token has nothing to refresh and is told of no end', async () => {
  const ends: Principal = {
    userId: 'ada',
    realm: { kind: 'tenant', tenantId: 'acme' },
    roles: [],
    expiresAt: Date.now() + 60_000,
  };
  const server = await serve({ authenticate: () => ends });
  const client = await new RawClient(server.url).open();
  const { connect } = await client.ask(1, { connect: {} });
  expect(connect).not.toHaveProperty('expires');
  expect(connect).not.toHaveProperty('ttl');
  client.send({ id: 2, refresh: { token: 'x' } });
  expect(await client.closed()).toBe(3501);
});

test('an expired token is told with 109, and the client brings another on a new connection', async () => {
  const server = await start();
  const client = await new RawClient(server.url).open();
  expect(await client.ask(1, { connect: { token: await sign(-1) } })).toEqual({
    id: 1,
    error: { code: 109, message: 'token expired' },
  });
  client.send({ id: 2, subscribe: { channel: 'open:1' } });
  expect(await client.closed()).toBe(3501);
});

test('a connect that was refused and then waits is closed as stale', async () => {
  const server = await start({ connectDeadlineMs: 50 });
  const client = await new RawClient(server.url).open();
  await client.ask(1, { connect: { token: await sign(-1) } });
  expect(await client.closed()).toBe(3502);
});

test('a signature that is not ours opens nothing: 3500', async () => {
  const server = await start();
  const foreign = new TextEncoder().encode('another secret of thirty-two bytes.');
  const good = await sign(60);
  const [head, body] = good.split('.');
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
  for (const token of [await sign(60, {}, foreign), `${head}.${body}.`, unsigned, 'nonsense']) {
    const client = await new RawClient(server.url).open();
    client.send({ id: 1, connect: { token } });
    expect(await client.closed()).toBe(3500);
  }
  expect(server.node.stats().counts.authenticationsFailed).toBe(4);
});

test('a connection goes on past its first token when it brings a second', async () => {
  const { client, welcome } = await enter(await sign(1), { tokenGraceMs: 1_000 });
  const { refresh } = await client.ask(2, { refresh: { token: await sign(100) } });
  expect(refresh).toMatchObject({ client: welcome.client, expires: true });
  expect(refresh?.ttl).toBeGreaterThan(80);
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  expect(await client.ask(3, { subscribe: { channel: 'open:1' } })).toHaveProperty('subscribe');
});

test('a connection whose token has ended may only refresh, and ends after its grace with 3005', async () => {
  const { client } = await enter(await sign(1), { tokenGraceMs: 3_000 });
  await client.ask(2, { subscribe: { channel: 'open:1' } });
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  for (const [index, command] of [
    { publish: { channel: 'open:1', data: 1 } },
    { history: { channel: 'open:1' } },
    { presence: { channel: 'open:1' } },
    { rpc: {} },
  ].entries()) {
    expect((await client.ask(index + 3, command)).error).toEqual({
      code: 109,
      message: 'token expired',
    });
  }
  // 109 would end the room of a stock client for good: it is to ask again
  for (const [index, command] of [
    { subscribe: { channel: 'open:2' } },
    { sub_refresh: { channel: 'open:1', token: 'x' } },
  ].entries()) {
    const { error } = await client.ask(20 + index, command);
    expect(error).toMatchObject({ code: 100, temporary: true });
  }
  expect(await client.ask(30, { unsubscribe: { channel: 'open:1' } })).toHaveProperty(
    'unsubscribe',
  );
  expect(await client.closed()).toBe(3005);
});

test.each([
  ['an expired token', async () => await sign(-1), 3005],
  ['a bad token', async () => 'nonsense', 3500],
  ["another user's token", async () => await sign(60, { sub: 'ben' }), 3500],
  ["another tenant's token", async () => await sign(60, { tenantId: 'globex' }), 3500],
  ['no token', async () => '', 3501],
])('a refresh with %s ends the connection', async (_name, token, code) => {
  const { client } = await enter(await sign(60, { roles: ['a'] }));
  client.send({ id: 2, refresh: { token: await token() } });
  expect(await client.closed()).toBe(code);
});

test('a refresh with other roles changes what the connection hears, and the connection lives', async () => {
  const { client, server } = await enter(await sign(60, { roles: ['a', 'b'] }));
  await client.ask(2, { refresh: { token: await sign(60, { roles: ['b', 'c'] }) } });
  await client.line(({ push }) => push?.channel === '@role:c' && push.subscribe !== undefined);
  for (const role of ['a', 'b', 'c']) {
    await server.node.publish({ realm: acme, target: { kind: 'role', role } }, `"to ${role}"`);
  }
  await client.publication('to c');
  expect(client.pushed).toEqual(['to b', 'to c']);
  expect(client.lines.flatMap(({ push }) => (push?.unsubscribe ? [push] : []))).toEqual([
    { channel: '@role:a', unsubscribe: { code: 2000, reason: 'server unsubscribe' } },
  ]);
});

test('refreshes in a row ask about the rooms once, however many come', async () => {
  let asked = 0;
  const server = await serve({
    authenticate: (handshake) => tokens.authenticate(handshake),
    rooms: {
      'open:*': {
        authorize: () => {
          asked += 1;
          return true;
        },
      },
    },
  });
  const client = new RawClient(server.url);
  await client.connect(await sign(60));
  await client.ask(2, { subscribe: { channel: 'open:1' } });
  for (let id = 3; id < 10; id += 1) await client.ask(id, { refresh: { token: await sign(60) } });
  await client.ask(10, { refresh: { token: await sign(60, { roles: ['new'] }) } }); // is no repeat
  await client.line(({ push }) => push?.channel === '@role:new');
  await client.ask(11, { history: { channel: 'open:1' } });
  expect(asked).toBe(3); // the subscribe, the first refresh, the one with another role
});

test('a role that is named twice does not hide that another has come', async () => {
  const { client } = await enter(await sign(60, { roles: ['a', 'a'] }));
  await client.ask(2, { refresh: { token: await sign(60, { roles: ['a', 'a'] }) } });
  await client.ask(3, { refresh: { token: await sign(60, { roles: ['a', 'b'] }) } });
  const { push } = await client.line((line) => line.push?.subscribe !== undefined);
  expect(push?.channel).toBe('@role:b');
});

test('a user database that is down at a refresh is no log-out: the client tries again', async () => {
  let isDown = false;
  const server = await serve({
    authenticate: async (handshake) => {
      if (isDown) throw new Error('database down');
      return await tokens.authenticate(handshake);
    },
  });
  const client = new RawClient(server.url);
  await client.connect(await sign(60));
  isDown = true;
  const { error } = await client.ask(2, { refresh: { token: await sign(90) } });
  expect(error).toMatchObject({ code: 100, temporary: true });
  isDown = false;
  expect(await client.ask(3, { refresh: { token: await sign(90) } })).toHaveProperty('refresh');
});

const forRoom = async (seconds: number, claims: object = {}) =>
  await sign(seconds, { channel: 'token:1', ...claims });

test('a subscription with a token is announced, prolonged, and ended with 2501 when it is not', async () => {
  const { client, server } = await enter(await sign(600), { tokenGraceMs: 100 });
  const { subscribe } = await client.ask(2, {
    subscribe: { channel: 'token:1', token: await forRoom(1) },
  });
  expect(subscribe).toMatchObject({ expires: true, ttl: 1 });
  const { sub_refresh } = await client.ask(3, {
    sub_refresh: { channel: 'token:1', token: await forRoom(2) },
  });
  expect(sub_refresh).toMatchObject({ expires: true });
  const { push } = await client.line((line) => line.push?.unsubscribe !== undefined);
  expect(push).toEqual({
    channel: 'token:1',
    unsubscribe: { code: 2501, reason: 'subscription expired' },
  });
  await server.node.publish(roomChannel('token:1'), '"late"');
  await client.ask(4, { unsubscribe: { channel: 'token:1' } });
  expect(client.pushed).toEqual([]);
});

test.each([
  ['an expired token', async () => await forRoom(-1), 109],
  ['a bad token', async () => 'nonsense', 103],
  ['no token', async () => '', 103],
])('a subscribe with %s is refused, and the connection lives', async (_name, token, code) => {
  const { client } = await enter(await sign(60));
  const { error } = await client.ask(2, {
    subscribe: { channel: 'token:1', token: await token() },
  });
  expect(error?.code).toBe(code);
  expect(await client.ask(3, { unsubscribe: { channel: 'x' } })).toHaveProperty('unsubscribe');
});

test.each([
  ['channel', { channel: 'token:2' }],
  ['user', { sub: 'ben' }],
  ['client', { client: 'somebody' }],
  ['tenant', { tenantId: 'globex' }],
])('a subscription token for another %s ends the connection with 3500', async (_name, claims) => {
  const { client } = await enter(await sign(60));
  client.send({ id: 2, subscribe: { channel: 'token:1', token: await forRoom(60, claims) } });
  expect(await client.closed()).toBe(3500);
});

test.each([
  ['an expired token', async () => await forRoom(-1), 3006],
  ['a bad token', async () => 'nonsense', 3500],
  ['a token for another channel', async () => await forRoom(60, { channel: 'token:2' }), 3500],
])('a refresh of a subscription with %s ends the connection', async (_name, token, code) => {
  const { client } = await enter(await sign(60));
  await client.ask(2, { subscribe: { channel: 'token:1', token: await forRoom(60) } });
  client.send({ id: 3, sub_refresh: { channel: 'token:1', token: await token() } });
  expect(await client.closed()).toBe(code);
});

test('a refresh of what is not subscribed is refused, one without a token is a bad request', async () => {
  const { client } = await enter(await sign(60));
  const code = async (id: number, token: string) =>
    (await client.ask(id, { sub_refresh: { channel: 'token:1', token } })).error?.code;
  expect(await code(2, await forRoom(60))).toBe(103);
  await client.ask(3, { subscribe: { channel: 'token:1', token: await forRoom(60) } });
  expect(await code(4, '')).toBe(107);
});

test('a grant that ends without a token is not announced: its client is asked anew', async () => {
  let asked = 0;
  const server = await serve({
    rooms: {
      'chat:*': {
        authorize: () => {
          asked += 1;
          return { expiresAt: Date.now() + 60 };
        },
      },
    },
  });
  const client = new RawClient(server.url);
  await client.connect('acme/ada');
  const { subscribe } = await client.ask(2, { subscribe: { channel: 'chat:1' } });
  expect(subscribe).not.toHaveProperty('expires');
  await client.line(({ push }) => push?.unsubscribe?.code === 2501);
  expect(await client.ask(3, { subscribe: { channel: 'chat:1' } })).toHaveProperty('subscribe');
  expect(asked).toBe(2);
});

test('the server can move the end of a connection, and says so to who refreshes', async () => {
  const { client, server } = await enter(await sign(60));
  const user = { realm: { kind: 'tenant', tenantId: 'acme' }, userId: 'ada' } as const;
  await server.node.users.extend(user, Date.now() + 600_000);
  const { push } = await client.line((line) => line.push !== undefined);
  expect(push?.refresh).toMatchObject({ expires: true });
  expect(push?.refresh?.ttl).toBeGreaterThan(500);
  await server.node.users.extend(user, Date.now() - 10_000);
  expect(await client.closed()).toBe(3005);
});

test('an outage of the key server at a connect is 3004: the client comes back', async () => {
  const server = await serve({
    authenticate: () => {
      throw new Error('no keys');
    },
  });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'x' } });
  expect(await client.closed()).toBe(3004);
});

test('refreshes are asked one after the other and not without end: 111', async () => {
  let [running, most, asked] = [0, 0, 0];
  const limits = { refreshesPerSecond: 0.001, refreshBurst: 6, hookTimeoutMs: 2_000 };
  const server = await serve({
    limits,
    authenticate: async (handshake) => {
      asked += 1;
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      return await tokens.authenticate(handshake);
    },
    rooms,
  });
  const client = new RawClient(server.url);
  await client.connect(await sign(60));
  // each another token: the same one would be one question anyhow
  const refreshes = await Promise.all(
    Array.from({ length: 10 }, async (_, n) => ({
      id: n + 2,
      refresh: { token: await sign(60 + n) },
    })),
  );
  client.send(...refreshes);
  const replies = await Promise.all(refreshes.map(({ id }) => client.reply(id)));
  expect(replies.map(({ error }) => error?.code ?? 0)).toEqual([
    0, 0, 0, 0, 0, 0, 111, 111, 111, 111,
  ]);
  expect([most, asked]).toEqual([1, 7]);
  const { error } = await client.ask(20, { sub_refresh: { channel: 'token:1', token: 'x' } });
  expect(error?.code).toBe(111);
  expect(server.node.stats().limits.refreshesPerSecond).toBe(5);
});
