import { CallError, Typing, type TypingConfig } from '@trunkline/client';
import { beforeEach, expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();
const ROOM = 'chat:42';

beforeEach(() => {
  page.server.mayEnter = () => true;
});

/** User 42 in the room, and who is seen to type there. */
async function join(config: TypingConfig = {}, event?: string) {
  const { client } = connectAs(page, '42');
  const { room } = client.rooms.enter(ROOM);
  const typing = new Typing();
  typing.configure(config);
  const unmount = typing.mount(room, event);
  await pass();
  return { client, room, typing, unmount };
}

const hear = async (userId: string, isTyping: boolean, options: object = {}) => {
  const event = { type: 'trunkline:typing', data: { userId, isTyping } };
  page.server.send(event, { channel: ROOM, volatile: true, ...options });
  await pass();
};

/** What the page has told the room. */
const told = () =>
  page.server.frames.flatMap((frame) => {
    const { rpc } = JSON.parse(frame.split('\n').at(-1) ?? '');
    return rpc?.method === 'trunkline:typing' ? [rpc.data.isTyping] : [];
  });

test('a set of users, without the user itself', async () => {
  const { typing } = await join();
  const changes = vi.fn<() => void>();
  typing.users.subscribe(changes);
  await hear('ben', true);
  await hear('cleo', true);
  await hear('ben', true);
  await hear('42', true);
  expect(typing.users.get()).toEqual(['ben', 'cleo']);
  expect(changes).toHaveBeenCalledTimes(2);
  await hear('ben', false);
  await hear('ben', false);
  await hear('dana', false);
  expect(typing.users.get()).toEqual(['cleo']);
  expect(changes).toHaveBeenCalledTimes(3);
});

test('who goes silent has stopped 6 s after the last signal', async () => {
  const { typing } = await join();
  await hear('ben', true);
  await pass(4000);
  await hear('ben', true);
  await pass(5999);
  expect(typing.users.get()).toEqual(['ben']);
  await pass(1);
  expect(typing.users.get()).toEqual([]);
});

test('a room of one’s own typing does not show it', async () => {
  const { typing } = await join();
  typing.set(true);
  await pass();
  expect(told()).toEqual([true]);
  expect(typing.users.get()).toEqual([]);
});

test('at most one signal in 3 s while the user types', async () => {
  const { typing } = await join();
  for (let key = 0; key < 70; key++) {
    typing.set(true);
    // oxlint-disable-next-line no-await-in-loop -- one keystroke after the other
    await pass(100);
  }
  expect(told()).toEqual([true, true, true]);
  typing.set(false);
  typing.set(false);
  await pass(60_000);
  expect(told()).toEqual([true, true, true, false]);
});

test('deleted and typed again within 3 s: told at their end, unless deleted again', async () => {
  const { typing } = await join();
  typing.set(true);
  typing.set(false);
  typing.set(true);
  await pass(2999);
  expect(told()).toEqual([true, false]);
  await pass(1);
  expect(told()).toEqual([true, false, true]);
  typing.set(false);
  typing.set(true);
  typing.set(false);
  await pass(60_000);
  expect(told()).toEqual([true, false, true, false]);
});

test('nothing is taken back that has expired by itself, or was never said', async () => {
  const { typing } = await join();
  typing.set(false);
  typing.set(true);
  await pass(6000);
  typing.set(false);
  await pass();
  expect(told()).toEqual([true]);
});

test('unmounting takes the signal back, and everybody out', async () => {
  const { typing, unmount } = await join();
  await hear('ben', true);
  typing.set(true);
  unmount();
  expect(typing.users.get()).toEqual([]);
  typing.set(true);
  await hear('ben', true);
  await pass(60_000);
  expect(told()).toEqual([true, false]);
  expect(typing.users.get()).toEqual([]);
});

test('without a connection nobody types, and nothing is told', async () => {
  const { typing } = await join();
  await hear('ben', true);
  typing.set(true);
  await pass();
  page.server.isUp = false;
  page.server.drop();
  expect(typing.users.get()).toEqual([]);
  typing.set(true);
  page.server.isUp = true;
  await pass(30_000);
  expect(told()).toEqual([true]);
  typing.set(true);
  await pass();
  expect(told()).toEqual([true, true]);
});

test('what nobody could have sent is ignored', async () => {
  const { typing } = await join();
  await hear('ben', true, { fromClient: true });
  for (const data of [null, 'x', { userId: 7, isTyping: true }, { userId: 'ben', isTyping: 1 }]) {
    page.server.send({ type: 'trunkline:typing', data }, { channel: ROOM });
  }
  await pass();
  expect(typing.users.get()).toEqual([]);
});

test('the event of an app’s own: not of the past, and in nobody’s else name', async () => {
  const { typing } = await join({}, 'chat:typing');
  const say = async (data: object, more: object = {}) => {
    page.server.send({ type: 'chat:typing', data, ...more }, { channel: ROOM });
    await pass();
  };
  await say({ userId: 'ben', isTyping: true, chatId: '42' });
  await hear('cleo', true);
  await say({ userId: 'dana', isTyping: true }, { sender: 'eve' });
  expect(typing.users.get()).toEqual(['ben', 'eve']);
  page.server.drop();
  await say({ userId: 'frank', isTyping: true });
  await pass(30_000);
  expect(typing.users.get()).toEqual([]);
});

test('the signal of an app’s own, and what goes wrong in it', async () => {
  const signal = vi.fn<(isTyping: boolean) => Promise<void>>(async () => {});
  const onError = vi.fn<(error: unknown) => void>();
  const { typing } = await join({ signal, onError });
  typing.set(true);
  typing.set(false);
  await pass();
  expect(signal.mock.calls).toEqual([[true], [false]]);
  expect(told()).toEqual([]);
  signal.mockRejectedValueOnce(new CallError(11, 'connection closed'));
  await pass(3000);
  typing.set(true);
  await pass();
  expect(onError).not.toHaveBeenCalled();
  signal.mockRejectedValueOnce(new Error('broken'));
  typing.set(false);
  await pass();
  expect(onError.mock.calls).toEqual([[new Error('broken')]]);
});

test('a room that does not tell who types is asked once', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  page.server.calls['trunkline:typing'] = () => {
    throw new CallError(108, 'not available');
  };
  const { typing } = await join();
  typing.set(true);
  await pass(3000);
  typing.set(true);
  typing.set(false);
  await pass();
  expect(told()).toEqual([true]);
  expect(warned).toHaveBeenCalledWith(expect.stringContaining('typing: true'));
});
