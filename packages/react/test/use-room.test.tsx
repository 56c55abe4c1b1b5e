import { act, render, renderHook } from '@testing-library/react';
import { StrictMode, Suspense, use, useEffect } from 'react';
import { beforeEach, expect, test, vi } from 'vitest';
import {
  TrunklineProvider,
  type UseRoomOptions,
  useRoom,
  useTyping,
  useWebSocket,
} from '../src/index.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();
const ROOM = 'chat:42';

beforeEach(() => {
  page.server.mayEnter = () => true;
});

interface PartProps extends UseRoomOptions {
  room: string | null;
  onText?: (text: string) => void;
  onStatus?: (status: string) => void;
}

/** Follows one event type of a room. */
function Part({ room, onText, onStatus, ...options }: PartProps) {
  const { subscribe, status } = useRoom(room, options);
  useEffect(
    () => subscribe('chat:message', ({ data }) => onText?.(data.text)),
    [subscribe, onText],
  );
  useEffect(() => onStatus?.(status), [onStatus, status]);
  return <p>{status}</p>;
}

function User({ id }: { id: string }) {
  useWebSocket(id);
  return null;
}

const say = async (text: string, channel = ROOM) => {
  page.server.send({ type: 'chat:message', data: { text } }, { channel });
  await pass();
};

const commands = (name: 'subscribe' | 'unsubscribe') =>
  page.server.frames
    .flatMap((frame) => frame.split('\n'))
    .flatMap((line) => JSON.parse(line)[name]?.channel ?? []);

test('follows the connection of the other hooks, and opens none itself', async () => {
  const onText = vi.fn<(text: string) => void>();
  const { container, rerender } = render(<Part room={ROOM} onText={onText} />);
  await pass();
  expect(container.textContent).toBe('idle');
  expect(page.server.connects).toHaveLength(0);
  rerender(
    <>
      <Part room={ROOM} onText={onText} />
      <User id="42" />
    </>,
  );
  await pass();
  expect(container.textContent).toBe('joined');
  await say('hi');
  await say('elsewhere', '@user');
  expect(onText.mock.calls).toEqual([['hi']]);
});

test('the events of its rooms reach useWebSocket too', async () => {
  const seen: unknown[] = [];
  const Bus = () => {
    const { subscribe } = useWebSocket('42');
    useEffect(
      () => subscribe('chat:message', ({ room, data }) => void seen.push([room, data.text])),
      [subscribe],
    );
    return null;
  };
  render([<Bus key="bus" />, <Part key="a" room={ROOM} />, <Part key="b" room="chat:7" />]);
  await pass();
  await say('one');
  await say('two', 'chat:7');
  await say('three', 'chat:8');
  expect(seen).toEqual([
    [ROOM, 'one'],
    ['chat:7', 'two'],
  ]);
});

test('StrictMode and ten hooks of a room: one subscription, one call each', async () => {
  const onText = vi.fn<(text: string) => void>();
  const { rerender } = render(<User id="42" />);
  await pass();
  rerender(
    <StrictMode>
      <User id="42" />
      {Array.from({ length: 10 }, (_, key) => (
        // oxlint-disable-next-line react/no-array-index-key -- they are all the same
        <Part key={key} room={ROOM} onText={onText} />
      ))}
    </StrictMode>,
  );
  await pass(5000);
  await say('hi');
  expect(commands('subscribe')).toEqual([ROOM]);
  expect(commands('unsubscribe')).toEqual([]);
  expect(onText).toHaveBeenCalledTimes(10);
});

test('no room, another room, and none again', async () => {
  const onText = vi.fn<(text: string) => void>();
  const show = (room: string | null) => (
    <>
      <User id="42" />
      <Part room={room} onText={onText} />
    </>
  );
  const { container, rerender, unmount } = render(show(null));
  await pass();
  expect(container.textContent).toBe('idle');
  rerender(show(ROOM));
  await pass();
  await say('one');
  rerender(show('chat:7'));
  await say('not mine any more');
  await pass();
  await say('two', 'chat:7');
  expect(container.textContent).toBe('joined');
  rerender(show(''));
  expect(container.textContent).toBe('idle');
  await say('nor this', 'chat:7');
  await pass(1000);
  expect(onText.mock.calls).toEqual([['one'], ['two']]);
  expect(commands('unsubscribe')).toEqual([ROOM, 'chat:7']);
  unmount();
});

test('the render of another room does not show the state of the one before', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  page.server.mayEnter = (room) => room === ROOM;
  const seen: string[] = [];
  const Room = ({ name }: { name: string }) => {
    seen.push(`${name} ${useRoom(name).status}`);
    return <User id="42" />;
  };
  const { rerender } = render(<Room name={ROOM} />);
  await pass();
  rerender(<Room name="chat:7" />);
  await pass();
  const states = seen.filter((state, index) => state !== seen[index - 1]);
  expect(states).toEqual([
    ...['chat:42 idle', 'chat:42 joining', 'chat:42 joined'],
    ...['chat:7 idle', 'chat:7 joining', 'chat:7 denied'],
  ]);
});

test('a room that this user may not enter', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  page.server.mayEnter = () => false;
  const { result } = renderHook(() => [useRoom(ROOM), useWebSocket('42')] as const);
  await pass();
  expect(result.current[0].status).toBe('denied');
  page.server.joinRoom(ROOM);
  await pass();
  expect(result.current[0].status).toBe('joined');
});

test('the newest onGap is called', async () => {
  const gaps: unknown[] = [];
  const show = (tag: string) => (
    <>
      <User id="42" />
      <Part room={ROOM} onGap={({ channels }) => void gaps.push([tag, ...channels])} />
    </>
  );
  const { rerender } = render(show('old'));
  await pass();
  rerender(show('new'));
  page.server.drop();
  page.server.loseHistory(ROOM);
  await pass(30_000);
  expect(gaps).toEqual([['new', ROOM]]);
});

test('publishes, and says where it cannot', async () => {
  page.server.mayPublish = () => true;
  const onText = vi.fn<(text: string) => void>();
  const { result, rerender } = renderHook(({ room }) => useRoom(room), {
    initialProps: { room: '' },
  });
  render([<User key="user" id="42" />, <Part key="part" room={ROOM} onText={onText} />]);
  await pass();
  const event = { type: 'chat:message', data: { text: 'hi' } };
  await expect(result.current.publish(event)).rejects.toMatchObject({ reason: 'disconnected' });
  rerender({ room: ROOM });
  await pass();
  await act(async () => await result.current.publish(event));
  await pass();
  expect(onText.mock.calls).toEqual([['hi']]);
});

test('the return value is stable', async () => {
  const { result, rerender } = renderHook(() => [useRoom(ROOM), useWebSocket('42')] as const);
  const [first] = result.current;
  await pass();
  const [joined] = result.current;
  rerender();
  expect(result.current[0]).toBe(joined);
  expect(joined.subscribe).toBe(first.subscribe);
  expect(joined.publish).toBe(first.publish);
});

test('user 42 becomes 7 with frames in flight: 7 hears nothing of 42', async () => {
  page.server.answer = ({ token }) => ({ userId: token ?? '' });
  const onText = vi.fn<(text: string) => void>();
  const statuses: string[] = [];
  const onStatus = (status: string) => void statuses.push(status);
  const App = ({ id }: { id: string }) => (
    <TrunklineProvider getToken={() => id}>
      <Part room={ROOM} onText={onText} onStatus={onStatus} />
      <User id={id} />
    </TrunklineProvider>
  );
  const { rerender } = render(<App id="42" />);
  await pass();
  page.server.send({ type: 'chat:message', data: { text: 'for 42' } }, { channel: ROOM });
  rerender(<App id="7" />);
  await pass();
  expect(onText).not.toHaveBeenCalled();
  await say('for 7');
  expect(onText.mock.calls).toEqual([['for 7']]);
  expect(page.server.clients).toHaveLength(1);
  expect(statuses).toEqual(['idle', 'joining', 'joined', 'joining', 'joined']);
  rerender(<App id="" />);
  expect(statuses.at(-1)).toBe('idle');
});

test('a page in two tenants: each part has the room of its own', async () => {
  page.server.answer = ({ data }) => {
    const { tenantId } = data as { tenantId: string };
    return { userId: '42', realm: { kind: 'tenant', tenantId } };
  };
  const joined: Record<string, string> = {};
  const Tenant = ({ id }: { id: string }) => (
    <TrunklineProvider tenantId={id}>
      <Part room={ROOM} onStatus={(status) => void (joined[id] = status)} />
      <User id="42" />
    </TrunklineProvider>
  );
  const { rerender } = render([<Tenant key="a" id="acme" />, <Tenant key="b" id="globex" />]);
  await pass();
  expect(joined).toEqual({ acme: 'joined', globex: 'joined' });
  expect(commands('subscribe')).toEqual([ROOM, ROOM]);
  // one of them switches: it has nothing of either until its own connection is there
  page.server.isUp = false;
  rerender([<Tenant key="a" id="initech" />, <Tenant key="b" id="globex" />]);
  await pass();
  expect(joined).toMatchObject({ initech: 'joining', globex: 'joined' });
});

test('a room below another tenant’s provider does not borrow the page’s connection', async () => {
  const onText = vi.fn<(text: string) => void>();
  const { container } = render(
    <>
      <User id="42" />
      <TrunklineProvider tenantId="globex">
        <Part room={ROOM} onText={onText} />
      </TrunklineProvider>
    </>,
  );
  await pass();
  await say('of the other');
  expect(container.textContent).toBe('idle');
  expect(onText).not.toHaveBeenCalled();
  expect(commands('subscribe')).toEqual([]);
});

test('leaves with its component, and a change of page keeps the subscription', async () => {
  const show = (key: string | null) => (
    <>
      <User id="42" />
      {key === null ? null : <Part key={key} room={ROOM} />}
    </>
  );
  const { rerender } = render(show('a'));
  await pass();
  rerender(show('b'));
  await pass(5000);
  expect(commands('unsubscribe')).toEqual([]);
  rerender(show(null));
  await pass(5000);
  expect(commands('subscribe')).toEqual([ROOM]);
  expect(commands('unsubscribe')).toEqual([ROOM]);
});

test('what a Suspense boundary hides stays in its room and goes on hearing', async () => {
  const onText = vi.fn<(text: string) => void>();
  const wait = Promise.withResolvers<void>();
  const Wait = ({ until }: { until: Promise<void> | null }) => {
    if (until) use(until);
    return null;
  };
  const show = (until: Promise<void> | null) => (
    <>
      <User id="42" />
      <Suspense fallback={<p>Loading</p>}>
        <Part room={ROOM} onText={onText} />
        <Wait until={until} />
      </Suspense>
    </>
  );
  const { rerender, container } = render(show(null));
  await pass();
  await act(async () => rerender(show(wait.promise)));
  await pass(60_000);
  expect(container.textContent).toContain('Loading');
  await say('hidden');
  await act(async () => wait.resolve());
  await pass(1000);
  await say('shown');
  expect(onText.mock.calls).toEqual([['hidden'], ['shown']]);
  expect(commands('subscribe')).toEqual([ROOM]);
  expect(commands('unsubscribe')).toEqual([]);
});

test('useTyping alone is in the room as well', async () => {
  renderHook(() => [useTyping(ROOM), useWebSocket('42')]);
  await pass();
  expect(commands('subscribe')).toEqual([ROOM]);
});
