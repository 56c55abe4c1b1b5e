import { act, render, renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { beforeEach, expect, test, vi } from 'vitest';
import {
  CallError,
  TrunklineProvider,
  type TypingOptions,
  useCall,
  useTyping,
  useWebSocket,
} from '../src/index.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();
const ROOM = 'chat:42';

beforeEach(() => {
  page.server.mayEnter = () => true;
});

const useIt = ({
  room = ROOM,
  id = '42',
  ...options
}: TypingOptions & { room?: string; id?: string }) => {
  useWebSocket(id);
  return useTyping(room, options);
};

const hear = async (userId: string, isTyping = true, type = 'trunkline:typing', channel = ROOM) => {
  page.server.send({ type, data: { userId, isTyping } }, { channel, volatile: true });
  await pass();
};

/** What the page has told rooms that the server's own way. */
const told = () =>
  page.server.frames
    .flatMap((frame) => frame.split('\n'))
    .flatMap((line) => {
      const { rpc } = JSON.parse(line);
      return rpc?.method === 'trunkline:typing' ? [[rpc.data.room, rpc.data.isTyping]] : [];
    });

test('shows who types, and says when this user does', async () => {
  const { result } = renderHook(useIt, { initialProps: {} });
  expect(result.current.typingUsers).toEqual([]);
  await pass();
  await hear('ben');
  await hear('42');
  expect(result.current.typingUsers).toEqual(['ben']);
  await pass(6000);
  expect(result.current.typingUsers).toEqual([]);
  result.current.setTyping(true);
  result.current.setTyping(true);
  result.current.setTyping(false);
  await pass();
  expect(told()).toEqual([
    [ROOM, true],
    [ROOM, false],
  ]);
});

test('in a room that the server has put the user in', async () => {
  page.server.mayEnter = () => false;
  page.server.joinRoom(ROOM);
  const { result } = renderHook(useIt, { initialProps: {} });
  await pass();
  await hear('ben');
  expect(result.current.typingUsers).toEqual(['ben']);
});

test('another room: the old one is told, and nobody of it is shown', async () => {
  const seen: string[] = [];
  const { result, rerender, unmount } = renderHook(
    (props: { room: string }) => {
      const typing = useIt(props);
      seen.push(`${props.room} ${typing.typingUsers.join()}`);
      return typing;
    },
    { initialProps: { room: ROOM } },
  );
  await pass();
  await hear('ben');
  result.current.setTyping(true);
  rerender({ room: 'chat:7' });
  await pass();
  await hear('ben');
  await hear('cleo', true, 'trunkline:typing', 'chat:7');
  expect(seen.filter((text, index) => text !== seen[index - 1])).toEqual([
    ...['chat:42 ', 'chat:42 ben', 'chat:7 ', 'chat:7 cleo'],
  ]);
  result.current.setTyping(true);
  unmount();
  await pass();
  expect(told()).toEqual([
    [ROOM, true],
    [ROOM, false],
    ['chat:7', true],
    ['chat:7', false],
  ]);
});

test('an app’s own event and signal, the newest of it', async () => {
  const sent: unknown[] = [];
  page.server.calls['chat:typing'] = (data) => void sent.push(data);
  const useOwn = ({ tag }: { tag: string }) => {
    const call = useCall();
    const signal = (isTyping: boolean) => call('chat:typing', { tag, isTyping });
    return useIt({ event: 'chat:typing', signal });
  };
  const { result, rerender } = renderHook(useOwn, { initialProps: { tag: 'old' } });
  await pass();
  rerender({ tag: 'new' });
  result.current.setTyping(true);
  await hear('ben', true, 'chat:typing');
  await hear('cleo', true);
  expect(sent).toEqual([{ tag: 'new', isTyping: true }]);
  expect(told()).toEqual([]);
  expect(result.current.typingUsers).toEqual(['ben']);
});

test('what goes wrong in the app’s own signal goes to onError', async () => {
  const onError = vi.fn<(error: unknown) => void>();
  const signal = vi.fn<() => Promise<void>>().mockRejectedValue(new CallError(400, 'broken'));
  const { result } = renderHook(useIt, {
    initialProps: { event: 'chat:typing', signal },
    wrapper: ({ children }) => <TrunklineProvider onError={onError}>{children}</TrunklineProvider>,
  });
  await pass();
  result.current.setTyping(true);
  await pass();
  expect(onError.mock.calls).toEqual([[new CallError(400, 'broken')]]);
});

test('StrictMode: one signal, and the same functions', async () => {
  const { result, rerender } = renderHook(useIt, { initialProps: {}, wrapper: StrictMode });
  const { setTyping } = result.current;
  await pass();
  const before = result.current;
  rerender({});
  expect(result.current).toBe(before);
  expect(result.current.setTyping).toBe(setTyping);
  setTyping(true);
  await pass();
  expect(told()).toEqual([[ROOM, true]]);
});

test('after a switch of user nobody of the old identity types, and nothing is told in its name', async () => {
  page.server.answer = ({ token }) => ({ userId: token ?? '' });
  const sent: unknown[] = [];
  const Composer = ({ id }: { id: string }) => {
    useWebSocket(id);
    const { typingUsers, setTyping } = useTyping(ROOM);
    sent.push(typingUsers.join());
    return <button type="button" onClick={() => setTyping(true)} />;
  };
  const App = ({ id }: { id: string }) => (
    <TrunklineProvider getToken={() => id}>
      <Composer id={id} />
    </TrunklineProvider>
  );
  const { rerender, getByRole } = render(<App id="42" />);
  await pass();
  await hear('ben');
  act(() => getByRole('button').click());
  await pass();
  page.server.send(
    { type: 'trunkline:typing', data: { userId: 'cleo', isTyping: true } },
    { channel: ROOM, volatile: true },
  );
  rerender(<App id="7" />);
  await pass();
  expect(sent.at(-1)).toBe('');
  expect(sent).not.toContain('ben,cleo');
  act(() => getByRole('button').click());
  await pass();
  // of 42 the others hear no more, and wait 6 s; then 7 types
  expect(told().map(([, isTyping]) => isTyping)).toEqual([true, true]);
});
