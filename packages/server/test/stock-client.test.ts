import { protocolErrors, type RoomRules } from '@trunkline/server';
import { Session, type SessionInit } from '@trunkline/server/testing';
import {
  type Centrifuge,
  State,
  type Subscription,
  type SubscriptionOptions,
  SubscriptionState,
} from 'centrifuge';
import { describe, expect, test } from 'vitest';
import {
  acme,
  eventOf,
  fromToken,
  roomChannel,
  serve,
  userChannel,
  watchSessions,
} from './harness.ts';
import { stockClients } from './stock-clients.ts';

const rooms: RoomRules = {
  'chat:*': {
    authorize: () => true,
    publish: 'members',
    presence: true,
    joinLeave: true,
    history: { size: 500 },
  },
  'raw:*': { authorize: () => true, publish: 'members', payload: 'json' },
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A room that the client has entered. */
async function entered(
  client: Centrifuge,
  name: string,
  options: Partial<SubscriptionOptions> = {},
): Promise<Subscription> {
  const room = client.newSubscription(name, options);
  room.subscribe();
  client.connect();
  await room.ready();
  return room;
}

/** Notes every frame that comes in. */
function watchFrames(frames: string[]) {
  return (init: SessionInit) => {
    const session = new Session(init);
    const receive = session.receive.bind(session);
    session.receive = (frame) => {
      frames.push(frame);
      receive(frame);
    };
    return session;
  };
}

describe.each(stockClients)('centrifuge %s over %s', (_version, transport, make) => {
  test('wrong credentials end in disconnected with 3500', async () => {
    const server = await serve({ authenticate: () => null });
    const client = server.client('acme/ada', {}, make);
    const ended = eventOf<{ code: number; reason: string }>(client, 'disconnected');
    client.connect();
    expect(await ended).toEqual({ code: 3500, reason: 'invalid token' });
    expect(client.state).toBe(State.Disconnected);
  });

  test('an outage of the user database is no log-out: 3004, and the client comes back', async () => {
    const { closes, createSession } = watchSessions();
    let asked = 0;
    const authenticate: typeof fromToken = (handshake) => {
      asked += 1;
      if (asked < 3) throw new Error('database down');
      return fromToken(handshake);
    };
    const server = await serve({ authenticate }, { createSession });
    const client = server.client('acme/ada', {}, make);
    client.connect();
    await client.ready();
    expect(closes.map(({ code }) => code)).toEqual([3004, 3004]);
    const errors = server.log.records.filter(({ level }) => level === 'error');
    expect(errors.map(({ message }) => message)).toEqual(['hook_failed', 'hook_failed']);
  });

  test('an app whose principal is wrong is told so in the log, its clients come back', async () => {
    const { closes, createSession } = watchSessions();
    const answers: unknown[] = [
      { userId: 7, realm: acme, roles: [] },
      { userId: 'ada', roles: [] },
      { userId: 'ada', realm: acme, roles: 'admins' },
      undefined,
      { userId: 'ada', realm: acme, roles: [] },
    ];
    const authenticate = () => answers.shift() as never;
    const server = await serve({ authenticate }, { createSession });
    const client = server.client('any', {}, make);
    client.connect();
    await client.ready();
    expect(closes.map(({ code }) => code)).toEqual([3004, 3004, 3004, 3004]);
    const errors = server.log.records.map(({ fields }) => String(fields?.['error']));
    expect(errors).toEqual([
      expect.stringContaining("The principal's userId must be a string"),
      expect.stringContaining('no tenant is an error'),
      expect.stringContaining("The principal's roles must be an array"),
      expect.stringContaining('A principal is an object, got undefined'),
    ]);
  });

  test('connected carries who it is; server-side subscriptions and their publications arrive', async () => {
    const server = await serve({ roomsOf: () => ['chat:9'] });
    const client = server.client('acme/ada/admins', {}, make);
    const names: string[] = [];
    client.on('subscribed', ({ channel }) => names.push(channel));
    const welcome = eventOf<{ data: unknown }>(client, 'connected');
    client.connect();
    expect((await welcome).data).toEqual({ userId: 'ada', realm: acme });
    const got = eventOf<{ channel: string; data: unknown; offset: number }>(client, 'publication');
    await server.node.publish(userChannel('ada'), '{"hello":1}');
    expect(await got).toMatchObject({ channel: '@user', data: { hello: 1 }, offset: 1 });
    expect(names).toEqual(['@user', '@all', '@role:admins', 'chat:9']);
  });

  test('a room is subscribed, left and entered again, and what it missed meanwhile arrives', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    const room = client.newSubscription('chat:1');
    const received: unknown[] = [];
    room.on('publication', ({ data }) => received.push(data));
    room.subscribe();
    client.connect();
    await room.ready();
    const first = eventOf(room, 'publication');
    await server.node.publish(roomChannel('chat:1'), '1');
    await first;
    const left = eventOf<{ code: number }>(room, 'unsubscribed');
    room.unsubscribe();
    expect(await left).toMatchObject({ code: 0 });
    // The oldest client still hands on what comes between its leaving and the server's word of it.
    while (server.node.stats().subscriptions > 2) await turn();
    await server.node.publish(roomChannel('chat:1'), '2');
    const back = eventOf<{ recovered: boolean }>(room, 'subscribed');
    room.subscribe();
    await room.ready();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: true });
    expect(received).toEqual([1, 2]);
  });

  test('a forbidden room ends its subscription with 103 and nothing else', async () => {
    const server = await serve({ rooms: { 'chat:*': { authorize: () => false } } });
    const client = server.client('acme/ada', {}, make);
    const room = client.newSubscription('chat:1');
    const ended = eventOf<{ code: number }>(room, 'unsubscribed');
    room.subscribe();
    client.connect();
    expect(await ended).toMatchObject({ code: 103 });
    await expect(room.ready()).rejects.toMatchObject({ code: 7 });
    expect(client.state).toBe(State.Connected);
  });

  test('a hook that failed once is asked again by the client', async () => {
    let asked = 0;
    const authorize = () => {
      asked += 1;
      if (asked === 1) throw new Error('database down');
      return true;
    };
    const server = await serve({ rooms: { 'chat:*': { authorize } } });
    const client = server.client('acme/ada', {}, make);
    await entered(client, 'chat:1', {
      minResubscribeDelay: 1,
      maxResubscribeDelay: 5,
    });
    expect(asked).toBe(2);
  });

  test('a restart of the memory broker is a gap, never a silent one', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    const room = await entered(client, 'chat:1');
    const first = eventOf(room, 'publication');
    await server.node.publish(roomChannel('chat:1'), '1');
    await first;
    const next = await serve({ rooms });
    await next.node.publish(roomChannel('chat:1'), '"same offset, other life"');
    server.node.history = async (...question) => await next.node.history(...question);
    const back = eventOf<{ wasRecovering: boolean }>(room, 'subscribed');
    server.cutAll();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: false });
  });

  test('what it publishes comes back to it, as any JSON where the rule says so', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    const room = client.newSubscription('raw:1');
    const got = eventOf<{ data: unknown; info: { user: string } }>(room, 'publication');
    room.subscribe();
    client.connect();
    await room.publish({ my: 'data' });
    expect(await got).toMatchObject({ data: { my: 'data' }, info: { user: 'ada' } });
    await expect(client.publish('chat:1', {})).rejects.toMatchObject({ code: 103 });
  });

  test('presence, its stats and history are answered in its own words', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    const room = await entered(client, 'chat:1');
    await server.node.publish(roomChannel('chat:1'), '{"n":1}');
    const { clients } = await room.presence();
    expect(Object.values(clients)).toMatchObject([{ user: 'ada' }]);
    expect(await room.presenceStats()).toEqual({ numClients: 1, numUsers: 1 });
    const history = await room.history({ limit: 10 });
    expect(history.publications).toMatchObject([{ data: { n: 1 }, offset: 1 }]);
    expect(history.offset).toBe(1);
    room.unsubscribe();
    while ((await client.presenceStats('chat:1')).numClients > 0) await turn();
    expect((await client.presence('chat:1')).clients).toEqual({});
  });

  test('it hears who comes and goes', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    const room = await entered(client, 'chat:1', { joinLeave: true });
    const joined = eventOf<{ info: { user: string } }>(
      room,
      'join',
      ({ info }) => info.user === 'ben',
    );
    const left = eventOf<{ info: { user: string } }>(
      room,
      'leave',
      ({ info }) => info.user === 'ben',
    );
    const ben = server.client('acme/ben', {}, make);
    ben.newSubscription('chat:1').subscribe();
    ben.connect();
    await joined;
    ben.disconnect();
    expect(await left).toMatchObject({ info: { user: 'ben' } });
  });

  test('calls are answered, refused and not available; a send arrives; a message comes', async () => {
    const sent = Promise.withResolvers<unknown>();
    const server = await serve({
      rpc: { sum: (_principal, data) => (data as number[]).reduce((sum, n) => sum + n, 0) },
      onSend: (_principal, data) => sent.resolve(data),
    });
    const client = server.client('acme/ada', {}, make);
    const early = client.rpc('sum', [1, 2]); // waits for the connect
    client.connect();
    expect(await early).toMatchObject({ data: 3 });
    await expect(client.rpc('other', {})).rejects.toMatchObject({ code: 104 });
    const bare = (await serve()).client('acme/ada', {}, make);
    bare.connect();
    await expect(bare.rpc('sum', {})).rejects.toMatchObject({ code: 108 });
    await client.send({ typing: true });
    expect(await sent.promise).toEqual({ typing: true });
    const message = eventOf<{ data: unknown }>(client, 'message');
    await server.node.users.message({ realm: acme, userId: 'ada' }, '{"notice":1}');
    expect((await message).data).toEqual({ notice: 1 });
  });

  test('a room that the server joins and leaves is told, and what is published in between arrives', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    client.connect();
    await client.ready();
    const user = { realm: acme, userId: 'ada' };
    const subscribed = eventOf<{ channel: string }>(
      client,
      'subscribed',
      ({ channel }) => channel === 'chat:5',
    );
    await server.node.users.joinRoom(user, 'chat:5');
    await subscribed;
    const got = eventOf<{ data: unknown }>(client, 'publication');
    await server.node.publish(roomChannel('chat:5'), '1');
    expect((await got).data).toBe(1);
    const ended = eventOf<{ channel: string }>(client, 'unsubscribed');
    await server.node.users.leaveRoom(user, 'chat:5');
    expect((await ended).channel).toBe('chat:5');
  });

  test('a subscription that the server ends stays ended', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    const room = await entered(client, 'chat:1');
    const ended = eventOf<{ code: number }>(room, 'unsubscribed');
    await server.node.users.leaveRoom({ realm: acme, userId: 'ada' }, 'chat:1');
    expect(await ended).toMatchObject({ code: 2000 });
    expect(room.state).toBe(SubscriptionState.Unsubscribed);
  });

  test('as many subscriptions as there may be come back in one frame, ids go on', async () => {
    const frames: string[] = [];
    const server = await serve({ rooms }, { createSession: watchFrames(frames) });
    const client = server.client('acme/ada', {}, make);
    const all = Array.from({ length: 126 }, (_, n) => client.newSubscription(`chat:${n}`));
    for (const room of all) room.subscribe();
    client.connect();
    await Promise.all(all.map((room) => room.ready()));
    const before = frames.length;
    server.cutAll();
    await eventOf(client, 'connecting');
    await client.ready();
    await Promise.all(all.map((room) => room.ready()));
    const lines = frames.slice(before).map((frame) => frame.split('\n'));
    expect(Math.max(...lines.map((frame) => frame.length))).toBeGreaterThan(100);
    expect(JSON.parse(lines[0]?.[0] ?? '{}').id).toBeGreaterThan(1);
  }, 30_000);

  test('a connection whose token is refreshed in time never comes back', async () => {
    let asked = 0;
    const thrice = Promise.withResolvers<void>();
    const { closes, createSession } = watchSessions();
    const authenticate: typeof fromToken = ({ token }) => {
      asked += 1;
      if (asked === 3) thrice.resolve();
      return {
        userId: 'ada',
        realm: acme,
        roles: [],
        expiresAt: Date.now() + 3_000,
        claims: token,
      };
    };
    const server = await serve({ authenticate, limits: { tokenLeadMs: 2_000 } }, { createSession });
    const client = server.client('first', { getToken: async () => 'next' }, make);
    client.connect();
    await client.ready();
    await thrice.promise;
    expect(client.state).toBe(State.Connected);
    expect(closes).toEqual([]);
  });

  test('an expired token at the connect is replaced, and the client gets in', async () => {
    const authenticate: typeof fromToken = ({ token }) => {
      if (token === 'old') throw protocolErrors.tokenExpired;
      return { userId: 'ada', realm: acme, roles: [], expiresAt: Date.now() + 60_000 };
    };
    const server = await serve({ authenticate });
    const client = server.client('old', { getToken: async () => 'new' }, make);
    client.connect();
    await client.ready();
    expect(client.state).toBe(State.Connected);
  });

  test('a subscription whose token has ended comes back with a new one and misses nothing', async () => {
    let life = 60;
    const server = await serve({
      rooms: {
        'chat:*': {
          authorize: (_principal, _room, { token }) => {
            if (token !== 'good') throw protocolErrors.tokenExpired;
            const expiresAt = Date.now() + life;
            life = 60_000;
            return { expiresAt };
          },
        },
      },
      limits: { tokenGraceMs: 1 },
    });
    const client = server.client('acme/ada', {}, make);
    const tokens = ['old', 'good', 'good'];
    const room = client.newSubscription('chat:1', {
      getToken: async () => tokens.shift() ?? 'good',
      minResubscribeDelay: 1,
      maxResubscribeDelay: 5,
    });
    const data: unknown[] = [];
    room.on('publication', (context) => data.push(context.data));
    room.subscribe();
    client.connect();
    await room.ready();
    const lost = eventOf<{ code: number }>(room, 'subscribing', ({ code }) => code === 2501);
    await server.node.publish(roomChannel('chat:1'), '1');
    await lost;
    await server.node.publish(roomChannel('chat:1'), '2');
    await room.ready();
    while (data.length < 2) await turn();
    expect(data).toEqual([1, 2]);
  });

  test('too many subscribes at once get a temporary error, and all succeed in the end', async () => {
    // so slow that it is too many, however long a busy machine takes to send them
    const limits = {
      ...{ subscribesPerSecond: 10, subscribeBurst: 20, maxSubscriptions: 20 },
      maxErrorsPerMinute: 10_000,
    };
    const server = await serve({ rooms, limits });
    const client = server.client('acme/ada', {}, make);
    client.connect();
    await client.ready();
    const options = { minResubscribeDelay: 20, maxResubscribeDelay: 50 };
    for (let round = 0; round < 2; round += 1) {
      const all = Array.from({ length: 15 }, (_, n) =>
        client.newSubscription(`chat:${round}${n}`, options),
      );
      for (const room of all) room.subscribe();
      await Promise.all(all.map((room) => room.ready()));
      for (const room of all) room.unsubscribe();
    }
    while (server.node.stats().subscriptions > 2) await turn(); // as long as it posts them
    expect(server.node.stats().errors['111']).toBeGreaterThan(0);
  });

  test('a drain sends it away with 3001, and it goes on trying', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    client.connect();
    await client.ready();
    const away = eventOf<{ code: number }>(client, 'connecting');
    const draining = server.node.drain({ waitMs: 0, spreadMs: 10, deadlineMs: 1_000 });
    expect(await away).toMatchObject({ code: 3001 });
    await draining;
    expect(client.state).toBe(State.Connecting);
  });

  test('who is disconnected stays away', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', {}, make);
    client.connect();
    await client.ready();
    const ended = eventOf<{ code: number }>(client, 'disconnected');
    await server.node.users.disconnect({ realm: acme, userId: 'ada' });
    expect((await ended).code).toBe(3503);
    expect(client.state).toBe(State.Disconnected);
  });

  // A WebSocket ends with it; over HTTP it was a request of its own, which is refused.
  test('who sends what is too large hears of it', async () => {
    const server = await serve({ rooms });
    const client = server.client('acme/ada', { timeout: 500 }, make);
    const ended = eventOf<{ code: number }>(client, 'disconnected');
    client.connect();
    await client.ready();
    const call = client.rpc('x', 'x'.repeat(70_000));
    if (transport === 'websocket') {
      await expect(call).rejects.toMatchObject({ code: 11 });
      expect((await ended).code).toBe(3); // its own word for 1009
      return;
    }
    await expect(call).rejects.toMatchObject({ code: 1 });
    expect(server.node.stats().limits).toMatchObject({ maxMessageBytes: 1 });
    await expect(client.rpc('x', 'short')).rejects.toMatchObject({ code: 108 });
  });
});
