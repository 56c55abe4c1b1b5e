import { HandlerSet, type Settings } from '@trunkline/client';
import type { ReceivedEvent } from '@trunkline/contract';
import { beforeEach, expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();
const ROOM = 'chat:42';

beforeEach(() => {
  page.server.mayEnter = (room) => room === ROOM;
});

/** A client as user 42, and the events that reach a handler of everything. */
async function join(settings: Settings = {}) {
  const lease = connectAs(page, '42', settings);
  const events: ReceivedEvent[] = [];
  const handlers = new HandlerSet();
  handlers.subscribe('*', (event) => void events.push(event));
  lease.client.attach(handlers);
  await pass();
  return { ...lease, events };
}

type Joined = Awaited<ReturnType<typeof join>>;

/** Is in a room, as a hook would be. */
function enter({ client }: Joined, name = ROOM) {
  const lease = client.rooms.enter(name);
  const heard: ReceivedEvent[] = [];
  const handlers = new HandlerSet();
  handlers.subscribe('*', (event) => void heard.push(event));
  lease.room.handlers.add(handlers);
  const onGap = vi.fn<(gap: unknown) => void>();
  lease.room.onGap(onGap);
  const statuses: string[] = [lease.room.status.get()];
  lease.room.status.subscribe(() => void statuses.push(lease.room.status.get()));
  return { ...lease, heard, onGap, statuses };
}

/** What clients have sent about rooms. */
const sent = () =>
  page.server.frames
    .flatMap((frame) => frame.split('\n'))
    .flatMap((line) => {
      const { subscribe, unsubscribe } = JSON.parse(line);
      if (subscribe) return [`+${subscribe.channel}`];
      return unsubscribe ? [`-${unsubscribe.channel}`] : [];
    });

const say = (text: string, channel = ROOM) =>
  page.server.send({ type: 'chat:message', data: { text } }, { channel });

const texts = (events: ReceivedEvent[]) => events.map(({ data }) => data.text);

test('a room that the page may enter: its events reach its handlers, and those of everything', async () => {
  const joined = await join();
  const { room, heard, statuses } = enter(joined);
  await pass();
  expect(room.status.get()).toBe('joined');
  expect(statuses).toEqual(['joining', 'joined']);
  say('hi');
  page.server.send({ type: 'chat:message', data: { text: 'for me' } });
  await pass();
  expect(texts(heard)).toEqual(['hi']);
  expect(texts(joined.events)).toEqual(['hi', 'for me']);
  expect(heard[0]).toMatchObject({ channel: ROOM, room: ROOM, scope: 'room', replayed: false });
});

test('entered before there is a connection', async () => {
  const joined = { ...connectAs(page, '42'), events: [] };
  const { room } = enter(joined);
  expect(room.status.get()).toBe('joining');
  expect(sent()).toEqual([]);
  await pass();
  expect(room.status.get()).toBe('joined');
});

test('a room that the page may not enter: asked for again with the next connection', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const joined = await join();
  const { room } = enter(joined, 'chat:7');
  await pass(60_000);
  expect(room.status.get()).toBe('denied');
  expect(warned).toHaveBeenCalledWith(expect.stringContaining('chat:7'));
  expect(sent()).toEqual(['+chat:7']);
  page.server.mayEnter = () => true;
  page.server.drop();
  await pass(30_000);
  expect(room.status.get()).toBe('joined');
});

test.each(['@role:admins', 'platform:admins', 'no spaces'])(
  'nothing that is no room is asked for: %s',
  async (name) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    page.server.mayEnter = () => true;
    const { room } = enter(await join(), name);
    await pass();
    expect(room.status.get()).toBe('denied');
    expect(sent()).toEqual([]);
  },
);

test('a room that the server has put the user in is not asked for', async () => {
  page.server.joinRoom(ROOM);
  const joined = await join();
  const { room, heard } = enter(joined);
  expect(room.status.get()).toBe('joined');
  say('hi');
  await pass();
  expect(texts(heard)).toEqual(['hi']);
  expect(texts(joined.events)).toEqual(['hi']);
  expect(sent()).toEqual([]);
});

test('put in later, taken out again, and let in as a client after that', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  page.server.mayEnter = () => false;
  const joined = await join();
  const { room, heard, onGap, statuses } = enter(joined);
  await pass();
  page.server.joinRoom(ROOM);
  await pass();
  say('one');
  await pass();
  page.server.leaveRoom(ROOM);
  say('missed');
  await pass();
  expect(room.status.get()).toBe('denied');
  expect(onGap).not.toHaveBeenCalled();
  page.server.joinRoom(ROOM);
  await pass();
  page.server.mayEnter = () => true;
  page.server.leaveRoom(ROOM);
  await pass();
  say('two');
  await pass();
  expect(texts(heard)).toEqual(['one', 'two']);
  expect(statuses).toEqual([
    ...['joining', 'denied', 'joined', 'joining', 'denied'],
    ...['joined', 'joining', 'joined'],
  ]);
  expect(onGap).toHaveBeenCalledTimes(2);
});

test('what was missed while away is replayed once, in order', async () => {
  const joined = await join();
  const { room, heard, statuses, onGap } = enter(joined);
  await pass();
  say('one');
  await pass();
  page.server.drop();
  say('two');
  say('three');
  await pass(30_000);
  say('four');
  await pass();
  expect(heard.map(({ data, replayed }) => [data.text, replayed])).toEqual([
    ['one', false],
    ['two', true],
    ['three', true],
    ['four', false],
  ]);
  expect(texts(joined.events)).toEqual(texts(heard));
  expect(room.status.get()).toBe('joined');
  expect(statuses).toEqual(['joining', 'joined', 'joining', 'joined']);
  expect(onGap).not.toHaveBeenCalled();
});

test('what is lost is said, to the room and to the page, and no table refreshes for it', async () => {
  const onPageGap = vi.fn<(gap: unknown) => void>();
  const joined = await join({ onGap: onPageGap });
  const { onGap, heard } = enter(joined);
  await pass();
  const statuses: string[] = [];
  joined.client.state.subscribe(() => void statuses.push(joined.client.state.get().status));
  page.server.drop();
  say('lost');
  page.server.loseHistory(ROOM);
  await pass(30_000);
  expect(onGap.mock.calls).toEqual([[{ channels: [ROOM] }]]);
  expect(onPageGap.mock.calls).toEqual([[{ channels: [ROOM] }]]);
  expect(statuses).not.toContain('resyncing');
  expect(heard).toEqual([]);
});

test('a loss of what the server sends is said once to the page, and to the room', async () => {
  page.server.joinRoom(ROOM);
  const onPageGap = vi.fn<(gap: unknown) => void>();
  const joined = await join({ onGap: onPageGap });
  const { onGap } = enter(joined);
  page.server.drop();
  page.server.loseHistory(ROOM);
  await pass(30_000);
  expect(onGap.mock.calls).toEqual([[{ channels: [ROOM] }]]);
  expect(onPageGap.mock.calls).toEqual([[{ channels: [ROOM] }]]);
});

test('an onGap that throws harms nobody', async () => {
  const onError = vi.fn<(error: unknown) => void>();
  const joined = await join({ onError });
  const { room, onGap } = enter(joined);
  await pass();
  onGap.mockImplementation(() => {
    throw new Error('broken');
  });
  page.server.drop();
  page.server.loseHistory(ROOM);
  await pass(30_000);
  expect(onError).toHaveBeenCalledWith(new Error('broken'));
  expect(room.status.get()).toBe('joined');
});

test('put in by the server while away: no subscription of its own, and the gap is said', async () => {
  const onPageGap = vi.fn<(gap: unknown) => void>();
  const joined = await join({ onGap: onPageGap });
  const { room, heard, onGap } = enter(joined);
  await pass();
  page.server.drop();
  page.server.joinRoom(ROOM);
  await pass(30_000);
  expect(room.status.get()).toBe('joined');
  expect(onGap).toHaveBeenCalledTimes(1);
  expect(onPageGap.mock.calls).toEqual([[{ channels: [ROOM] }]]);
  say('hi');
  await pass();
  expect(texts(heard)).toEqual(['hi']);
  // and stays so
  page.server.drop();
  say('while away');
  await pass(30_000);
  expect(texts(heard)).toEqual(['hi', 'while away']);
  expect(onGap).toHaveBeenCalledTimes(1);
});

test('"already subscribed", and then nothing comes: it asks again', async () => {
  const joined = await join();
  page.server.joinRoom(ROOM);
  // the push has not come yet, and never does
  const { room } = enter(joined);
  vi.spyOn(joined.client.rooms, 'onSubscribed').mockImplementation(() => {});
  await pass();
  expect(room.status.get()).toBe('joining');
  page.server.leaveRoom(ROOM);
  await pass(5000);
  expect(room.status.get()).toBe('joined');
});

test('a new connection takes the rooms along, and what was missed between counts as a gap', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const joined = await join();
  const { room, onGap, heard } = enter(joined);
  await pass();
  page.server.answer = { close: 3503 };
  page.server.drop();
  await pass(30_000);
  expect(joined.client.state.get().status).toBe('auth-failed');
  expect(room.status.get()).toBe('idle');
  const { room: other } = enter(joined, 'chat:43');
  expect(other.status.get()).toBe('idle');
  page.server.answer = { userId: '42' };
  joined.client.reconnect();
  await pass();
  expect(room.status.get()).toBe('joined');
  expect(onGap).toHaveBeenCalledTimes(1);
  say('hi');
  await pass();
  expect(texts(heard)).toEqual(['hi']);
});

test('over plain HTTP as over a WebSocket', async () => {
  page.server.blocksWebSockets = true;
  page.server.mayPublish = () => true;
  const joined = await join();
  const { room, heard, leave } = enter(joined);
  await pass(1000);
  expect(joined.client.state.get().transport).toBe('http_stream');
  await room.publish({ type: 'chat:message', data: { text: 'hi' } });
  await pass();
  expect(texts(heard)).toEqual(['hi']);
  leave();
  await pass(500);
  enter(joined);
  await pass();
  expect(sent()).toEqual(['+chat:42', '-chat:42', '+chat:42']);
});

test('one subscription for all who ask, until the last has left for a moment', async () => {
  const joined = await join();
  const first = enter(joined);
  const second = enter(joined);
  await pass();
  expect(second.room).toBe(first.room);
  first.leave();
  first.leave();
  await pass(1000);
  expect(first.room.status.get()).toBe('joined');
  second.leave();
  await pass(499);
  const third = enter(joined);
  await pass(1000);
  expect(third.room).toBe(first.room);
  expect(sent()).toEqual(['+chat:42']);
  third.leave();
  await pass(500);
  expect(sent()).toEqual(['+chat:42', '-chat:42']);
  say('nobody hears');
  await pass();
  expect(joined.events).toEqual([]);
  expect(third.room.status.get()).toBe('idle');
});

test('what a member says reaches everybody, and handlers only', async () => {
  page.server.mayPublish = () => true;
  const joined = await join();
  const { room, heard } = enter(joined);
  await pass();
  await room.publish({ type: 'chat:message', data: { text: 'from me' } });
  const data = { operationId: 'op', operationType: 'user-import' };
  page.server.send({ type: 'operation:progress', data }, { channel: ROOM, fromClient: true });
  const metadata = { tablesToRefresh: ['users'] };
  const refresh = vi.spyOn(joined.client.refreshes, 'onEvent');
  page.server.send({ type: 'a:1', metadata }, { channel: ROOM, fromClient: true });
  await pass();
  expect(heard.map(({ type, sender }) => [type, sender])).toEqual([
    ['chat:message', '42'],
    ['operation:progress', undefined],
    ['a:1', undefined],
  ]);
  expect(joined.client.operations.values()).toEqual([]);
  expect(refresh).not.toHaveBeenCalled();
});

test('what the server says in a room counts like what it says elsewhere', async () => {
  const joined = await join();
  enter(joined);
  await pass();
  const data = { operationId: 'op', operationType: 'user-import' };
  page.server.send({ type: 'operation:progress', data }, { channel: ROOM });
  await pass();
  expect(joined.client.operations.values()).toMatchObject([{ id: 'op', scope: 'room' }]);
});

test('who may not publish is told so', async () => {
  const joined = await join();
  const { room } = enter(joined);
  await pass();
  const saying = room.publish({ type: 'chat:message', data: {} });
  await expect(saying).rejects.toMatchObject({ name: 'CallError', reason: 'forbidden', code: 103 });
});

test('a closed client is in no room, and nothing of it goes on', async () => {
  const joined = await join();
  const { room, heard, leave } = enter(joined);
  await pass();
  say('in flight');
  joined.release();
  await pass(5000);
  expect(joined.client.state.get().status).toBe('closed');
  expect(room.status.get()).toBe('idle');
  say('too late');
  leave();
  await pass(60_000);
  expect(texts(heard)).toEqual(['in flight']);
  expect(vi.getTimerCount()).toBe(0);
});

test('the same user in another realm: the rooms are those of the new one, and the gap is said', async () => {
  const joined = await join();
  const { room, onGap, heard } = enter(joined);
  const stop = room.presence.watch();
  await pass();
  expect(room.presence.state.get().total).toBe(1);
  page.server.answer = { userId: '42', realm: { kind: 'tenant', tenantId: 'globex' } };
  page.server.drop();
  say('of acme');
  const seen: [string, number][] = [];
  room.status.subscribe(() => void seen.push([room.status.get(), room.presence.state.get().total]));
  await pass(30_000);
  expect(seen).toEqual([
    ['idle', 0],
    ['joining', 0],
    ['joined', 0],
  ]);
  expect(room.status.get()).toBe('joined');
  expect(onGap).toHaveBeenCalledTimes(1);
  expect(heard).toEqual([]);
  stop();
});
