import { channelKey } from '@trunkline/contract';
import { LimitExceededError } from '@trunkline/server';
import { expect, test } from 'vitest';
import { acme, connected, RawClient, roomChannel, serve, type TestServer } from './harness.ts';

const rooms = { '*': { authorize: () => true } };
const limits = { maxRoomsPerTenant: 2 };

/** A client of acme that is in these rooms. */
async function memberOf(server: TestServer, ...names: string[]): Promise<RawClient> {
  const client = await connected(server, 'acme/ada');
  for (const [index, channel] of names.entries()) {
    await client.ask(index + 2, { subscribe: { channel } });
  }
  return client;
}

test('one room more than the tenant may have is refused with 106, counted and put on record', async () => {
  const server = await serve({ rooms, limits });
  const client = await memberOf(server, 'a', 'b');
  expect(await client.ask(9, { subscribe: { channel: 'c' } })).toEqual({
    id: 9,
    error: { code: 106, message: 'limit exceeded' },
  });
  expect(server.node.stats().limits.maxRoomsPerTenant).toBe(1);
  expect(server.audit.records.at(-1)).toMatchObject({
    action: 'quota-exceeded',
    outcome: 'denied',
    realm: acme,
    userId: 'ada',
    room: 'c',
    reason: 'maxRoomsPerTenant',
  });
  expect(server.log.records).toContainEqual({
    level: 'warn',
    message: 'limit_exceeded',
    fields: { limit: 'maxRoomsPerTenant', tenant: 'acme', client: expect.any(String) },
  });
});

test('a room counts once however many are in it, and no more when the last has left', async () => {
  const server = await serve({ rooms, limits });
  const client = await memberOf(server, 'a', 'b');
  const second = await memberOf(server, 'a', 'b');
  expect(server.node.stats().limits.maxRoomsPerTenant).toBe(0);
  await client.ask(10, { unsubscribe: { channel: 'b' } });
  expect(await client.ask(11, { subscribe: { channel: 'c' } })).toMatchObject({
    error: { code: 106 },
  });
  await second.ask(12, { unsubscribe: { channel: 'b' } });
  expect(await client.ask(13, { subscribe: { channel: 'c' } })).toHaveProperty('subscribe');
});

test('each tenant has its own, and no other channel counts', async () => {
  const server = await serve({
    rooms,
    limits: { maxRoomsPerTenant: 1 },
    limitsFor: (tenantId) => (tenantId === 'globex' ? { maxRoomsPerTenant: 2 } : undefined),
  });
  await memberOf(server, 'a');
  const neighbour = await connected(server, 'globex/cleo/admins');
  for (const [index, channel] of ['a', 'b'].entries()) {
    const answer = await neighbour.ask(index + 2, { subscribe: { channel } });
    expect(answer).toHaveProperty('subscribe');
  }
  expect(await neighbour.ask(5, { subscribe: { channel: 'c' } })).toMatchObject({
    error: { code: 106 },
  });
});

test('a room of roomsOf that is too many is left out and said, and its user connected', async () => {
  const server = await serve({ roomsOf: () => ['a', 'b', 'c', 'd'], limits });
  const client = new RawClient(server.url);
  const { subs = {} } = await client.connect('acme/ada');
  expect(Object.keys(subs)).toEqual(['@user', '@all', 'a', 'b']);
  expect(server.node.stats().limits.maxRoomsPerTenant).toBe(2);
  expect(server.log.records.find(({ message }) => message === 'room_skipped')).toMatchObject({
    level: 'warn',
    fields: { room: 'c', limit: 'maxRoomsPerTenant' },
  });
  await server.node.publish(roomChannel('c'), '"unheard"');
  await server.node.publish(roomChannel('a'), '"heard"');
  await client.publication('heard');
  expect(client.pushed).toEqual(['heard']);
});

test('a room that is too many when permissions are asked again is left out, too', async () => {
  const names = ['a', 'b'];
  const server = await serve({
    roomsOf: () => names,
    reauthorize: (principal) => principal,
    limits,
  });
  const client = await connected(server, 'acme/ada');
  names.push('c');
  await server.node.users.refreshPermissions({ realm: acme, userId: 'ada' });
  expect(client.closeCode).toBeNull();
  expect(server.node.stats()).toMatchObject({ connections: 1, channels: 4 });
  expect(server.node.stats().limits.maxRoomsPerTenant).toBe(1);
});

test('joinRoom rejects, and its user is not in the room', async () => {
  const server = await serve({ rooms, limits });
  await memberOf(server, 'a', 'b');
  const joining = server.node.users.joinRoom({ realm: acme, userId: 'ada' }, 'c');
  await expect(joining).rejects.toThrow(LimitExceededError);
  await expect(joining).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    limit: 'maxRoomsPerTenant',
    message: expect.stringContaining('limits.maxRoomsPerTenant allows 2'),
  });
  expect(server.node.channelNumber(channelKey(roomChannel('c')))).toBeUndefined();
});
