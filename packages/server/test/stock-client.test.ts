import { State } from 'centrifuge';
import { expect, test } from 'vitest';
import {
  acme,
  eventOf,
  fromToken,
  roomChannel,
  serve,
  userChannel,
  watchSessions,
} from './harness.ts';

const rooms = { 'chat:*': { authorize: () => true } };

test('wrong credentials end in disconnected with 3500', async () => {
  const server = await serve({ authenticate: () => null });
  const client = server.client('acme/ada');
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
  const client = server.client('acme/ada');
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
  const client = server.client('any');
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
  const client = server.client('acme/ada/admins');
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
  const client = server.client('acme/ada');
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
  await server.node.publish(roomChannel('chat:1'), '2');
  const back = eventOf<{ recovered: boolean }>(room, 'subscribed');
  room.subscribe();
  await room.ready();
  expect(await back).toMatchObject({ wasRecovering: true, recovered: true });
  expect(received).toEqual([1, 2]);
});

test('a forbidden room ends its subscription with 103 and nothing else', async () => {
  const server = await serve({ rooms: { 'chat:*': { authorize: () => false } } });
  const client = server.client('acme/ada');
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
  const client = server.client('acme/ada');
  const room = client.newSubscription('chat:1', { minResubscribeDelay: 1, maxResubscribeDelay: 5 });
  room.subscribe();
  client.connect();
  await room.ready();
  expect(asked).toBe(2);
});

test('a restart of the memory broker is a gap, never a silent one', async () => {
  const server = await serve({ rooms });
  const client = server.client('acme/ada');
  const room = client.newSubscription('chat:1');
  room.subscribe();
  client.connect();
  await room.ready();
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
