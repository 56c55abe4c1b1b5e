import { CallError } from '@trunkline/client';
import type { MemberList } from '@trunkline/contract';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();
const ROOM = 'chat:42';
let asked = 0;

beforeEach(() => {
  asked = 0;
  page.server.mayEnter = () => true;
});
afterEach(() => setHidden(false));

function setHidden(isHidden: boolean) {
  const visibilityState = isHidden ? 'hidden' : 'visible';
  Object.defineProperty(document, 'visibilityState', {
    value: visibilityState,
    configurable: true,
  });
  document.dispatchEvent(new Event('visibilitychange'));
}

/** User 42 in the room, and who is seen there. */
async function join() {
  const { client } = connectAs(page, '42');
  const { room, leave } = client.rooms.enter(ROOM);
  const stop = room.presence.watch();
  await pass();
  const people = () =>
    room.presence.state.get().members.map(({ userId, connections }) => `${userId} ${connections}`);
  return { client, room, leave, stop, people, state: room.presence.state };
}

/** Answers with these lists, and with the last one from then on. */
function answerWith(...lists: (() => MemberList | Promise<MemberList>)[]) {
  page.server.calls['trunkline:presence'] = async () => {
    asked += 1;
    return await (lists.length > 1 ? lists.shift() : lists[0])?.();
  };
}

const listOf = (...userIds: string[]): MemberList => ({
  members: userIds.map((userId, since) => ({ userId, since, connections: 1 })),
  total: userIds.length,
});

test('who is there, and who comes and goes', async () => {
  const earlier = page.server.join(ROOM, 'ben', { name: 'Ben' });
  const { state, people } = await join();
  expect(state.get()).toEqual({
    isLoaded: true,
    total: 2,
    members: [
      { userId: 'ben', since: expect.any(Number), connections: 1, info: { name: 'Ben' } },
      { userId: '42', since: expect.any(Number), connections: 1 },
    ],
  });
  page.server.join(ROOM, 'cleo', { name: 'Cleo' });
  await pass();
  expect(state.get().members.at(-1)).toEqual({
    userId: 'cleo',
    since: Date.now(),
    connections: 1,
    info: { name: 'Cleo' },
  });
  page.server.leave(ROOM, earlier);
  await pass();
  expect(people()).toEqual(['42 1', 'cleo 1']);
  expect(state.get().total).toBe(2);
});

test('in a room that the server has put the user in', async () => {
  page.server.joinRoom(ROOM);
  const { people } = await join();
  page.server.join(ROOM, 'ben');
  await pass();
  expect(people()).toEqual(['42 1', 'ben 1']);
});

test('several tabs of one user are one member', async () => {
  const { people, state } = await join();
  const first = page.server.join(ROOM, 'ben');
  const second = page.server.join(ROOM, 'ben');
  await pass();
  expect(people()).toEqual(['42 1', 'ben 2']);
  expect(state.get().total).toBe(2);
  page.server.leave(ROOM, first);
  await pass();
  expect(people()).toEqual(['42 1', 'ben 1']);
  page.server.leave(ROOM, second);
  await pass();
  expect(people()).toEqual(['42 1']);
});

test('read again every 30 s, as long as somebody looks', async () => {
  answerWith(() => listOf('42'));
  const { stop, state } = await join();
  const changes = vi.fn<() => void>();
  state.subscribe(changes);
  expect(asked).toBe(1);
  await pass(30_000 * 1.5);
  expect(asked).toBe(2);
  expect(changes).not.toHaveBeenCalled();
  stop();
  stop();
  await pass(300_000);
  expect(asked).toBe(2);
});

test('a hidden page waits until it is looked at', async () => {
  answerWith(() => listOf('42'));
  await join();
  setHidden(true);
  await pass(300_000);
  expect(asked).toBe(1);
  setHidden(false);
  await pass();
  expect(asked).toBe(2);
  setHidden(true);
  setHidden(false);
  await pass();
  expect(asked).toBe(2);
});

test('read again after a reconnect; the people stay on the page meanwhile', async () => {
  const { people } = await join();
  page.server.join(ROOM, 'ben');
  await pass();
  page.server.isUp = false;
  page.server.drop();
  page.server.join(ROOM, 'cleo');
  await pass(10_000);
  expect(people()).toEqual(['42 1', 'ben 1']);
  page.server.isUp = true;
  await pass(30_000);
  expect(people()).toEqual(['ben 1', 'cleo 1', '42 1']);
});

test('who is thrown out sees nobody any more', async () => {
  const { state, client } = await join();
  page.server.mayEnter = () => false;
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  page.server.leaveRoom(ROOM);
  await pass();
  expect(state.get()).toEqual({ members: [], total: 0, isLoaded: false });
  expect(client.rooms.get(ROOM)?.status.get()).toBe('denied');
});

test('when the connection is over, nobody is shown and nobody asked for, until there is a new one', async () => {
  answerWith(() => listOf('42', 'ben'));
  const { people, state, client } = await join();
  expect(people()).toEqual(['42 1', 'ben 1']);
  page.server.drop(3503);
  await pass(300_000);
  expect(state.get()).toEqual({ members: [], total: 0, isLoaded: false });
  expect(asked).toBe(1);
  client.reconnect();
  await pass();
  expect(people()).toEqual(['42 1', 'ben 1']);
});

test('who comes while the list is on its way is in it', async () => {
  const list = Promise.withResolvers<MemberList>();
  answerWith(() => list.promise);
  const { people, state } = await join();
  page.server.join(ROOM, 'ben');
  page.server.join(ROOM, 'cleo');
  await pass();
  expect(state.get().isLoaded).toBe(false);
  list.resolve(listOf('42', 'ben'));
  await pass();
  expect(people()).toEqual(['42 1', 'ben 1', 'cleo 1']);
});

test('who leaves while the list is on its way: read again soon', async () => {
  const list = Promise.withResolvers<MemberList>();
  answerWith(
    () => list.promise,
    () => listOf('42'),
  );
  const ben = page.server.join(ROOM, 'ben');
  const { people } = await join();
  page.server.leave(ROOM, ben);
  list.resolve(listOf('42', 'ben'));
  await pass();
  expect(people()).toEqual(['42 1', 'ben 1']);
  await pass(3000);
  expect(people()).toEqual(['42 1']);
});

test('a join that the list knew of already is no ghost for long', async () => {
  answerWith(
    () => listOf('42', 'ben'),
    () => listOf('42'),
  );
  const { people } = await join();
  // the push comes after the list that has it
  const ben = page.server.join(ROOM, 'ben');
  page.server.leave(ROOM, ben);
  await pass();
  expect(people()).toEqual(['42 1', 'ben 1']);
  await pass(3000);
  expect(people()).toEqual(['42 1']);
});

test('a leave that the list knew of already does not take somebody out for long', async () => {
  answerWith(() => listOf('42', 'ben'));
  const tab = page.server.join(ROOM, 'ben');
  const { people } = await join();
  // of two connections, this one was gone when the list was made
  page.server.leave(ROOM, tab);
  await pass();
  expect(people()).toEqual(['42 1']);
  await pass(3000);
  expect(people()).toEqual(['42 1', 'ben 1']);
});

test('of a list that does not name all, joins and leaves tell nothing', async () => {
  answerWith(() => ({ ...listOf('42', 'ben'), total: 5000 }));
  const { people, state } = await join();
  page.server.leave(ROOM, page.server.join(ROOM, 'ben'));
  page.server.join(ROOM, 'cleo');
  await pass();
  expect(people()).toEqual(['42 1', 'ben 1']);
  expect(state.get().total).toBe(5000);
});

test.each([103, 104, 108])(
  'a room that does not tell (%i) is asked once per join',
  async (code) => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    page.server.calls['trunkline:presence'] = () => {
      asked += 1;
      throw new CallError(code, 'no');
    };
    const { state } = await join();
    await pass(300_000);
    expect(asked).toBe(1);
    expect(state.get().isLoaded).toBe(false);
    expect(warned.mock.calls.flat().join()).toContain(code === 103 ? '' : 'presence: true');
  },
);

test('an answer that fails is tried again', async () => {
  page.server.calls['trunkline:presence'] = () => {
    asked += 1;
    if (asked === 1) throw new CallError(111, 'too many requests');
    return listOf('42');
  };
  const { people } = await join();
  expect(people()).toEqual([]);
  await pass(45_000);
  expect(people()).toEqual(['42 1']);
});

test('two who look ask once; a closed client asks no more', async () => {
  answerWith(() => listOf('42'));
  const { room, client } = await join();
  room.presence.watch();
  await pass();
  expect(asked).toBe(1);
  for (const lease of page.leases) lease.release();
  await pass(5000);
  expect(client.state.get().status).toBe('closed');
  expect(room.presence.state.get().isLoaded).toBe(false);
  await pass(300_000);
  expect(asked).toBe(1);
});
