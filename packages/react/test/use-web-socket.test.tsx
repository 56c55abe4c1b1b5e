import { act, render, renderHook, screen } from '@testing-library/react';
import { pageRegistry, type Subscribe } from '@trunkline/client';
import { StrictMode, useEffect, useState } from 'react';
import { flushSync } from 'react-dom';
import { renderToString } from 'react-dom/server';
import { expect, test, vi } from 'vitest';
import {
  ConnectionStatus,
  configureTrunkline,
  TrunklineProvider,
  useEvent,
  useOperationToasts,
  useTableRefresh,
  useWebSocket,
} from '../src/index.ts';
import { EveryHook } from './every-hook.tsx';
import { newPages, pass } from './setup.ts';

const page = newPages();
const useIt = ({ id }: { id: string }) => useWebSocket(id);

/** Follows one event type, as the guide's hooks do. */
function Follow({ id, onEvent }: { id: string; onEvent: (data: unknown) => void }) {
  const { subscribe } = useWebSocket(id);
  useEffect(() => subscribe('a:1', (event) => onEvent(event.data)), [subscribe, onEvent]);
  return null;
}

test('connects and says so', async () => {
  const { result } = renderHook(useIt, { initialProps: { id: '42' } });
  expect(result.current).toMatchObject({ isConnected: false, status: 'connecting' });
  await pass();
  expect(result.current).toMatchObject({
    isConnected: true,
    status: 'live',
    identity: { userId: '42', realm: { kind: 'tenant', tenantId: 'acme' } },
    reconnectAt: null,
  });
});

test('ten hooks of three kinds are one connection', async () => {
  const Many = () => {
    useWebSocket('42');
    useOperationToasts('42');
    useTableRefresh('42', 'users', () => {});
    return null;
  };
  render([1, 2, 3, 4].map((key) => <Many key={key} />));
  await pass();
  expect(page.server.connects).toHaveLength(1);
  expect(page.server.clients).toHaveLength(1);
});

test('StrictMode: one socket, one registration, no extra frame', async () => {
  const onEvent = vi.fn<(data: unknown) => void>();
  const callback = vi.fn<() => void>();
  const Strict = () => {
    useTableRefresh('42', 'users', callback);
    useOperationToasts('42');
    return <Follow id="42" onEvent={onEvent} />;
  };
  render(
    <StrictMode>
      <Strict />
    </StrictMode>,
  );
  await pass();
  page.server.send({ type: 'a:1', data: 1, metadata: { tablesToRefresh: ['users'] } });
  await pass(5000);
  // the connect, and the question for the operations that the server keeps
  expect(page.server.frames).toHaveLength(2);
  expect(onEvent).toHaveBeenCalledTimes(1);
  expect(callback).toHaveBeenCalledTimes(1);
});

test('the return value is stable, and subscribe for as long as mounted', async () => {
  const { result, rerender } = renderHook(useIt, { initialProps: { id: '' } });
  const { subscribe } = result.current;
  rerender({ id: '42' });
  await pass();
  const live = result.current;
  rerender({ id: '42' });
  expect(result.current).toBe(live);
  expect(result.current.subscribe).toBe(subscribe);
});

test('nobody: no connection, and handlers wait for one', async () => {
  const onEvent = vi.fn<(data: unknown) => void>();
  const { rerender } = render(<Follow id="" onEvent={onEvent} />);
  const { result } = renderHook(useIt, { initialProps: { id: '' } });
  await pass(60_000);
  expect(page.server.connects).toHaveLength(0);
  expect(result.current).toMatchObject({ isConnected: false, status: 'idle' });
  rerender(<Follow id="42" onEvent={onEvent} />);
  await pass();
  page.server.send({ type: 'a:1', data: 1 });
  await pass();
  expect(onEvent.mock.calls).toEqual([[1]]);
});

test('user 42 becomes 7 with frames in flight: 7 sees nothing of 42', async () => {
  const onEvent = vi.fn<(data: unknown) => void>();
  const App = ({ id }: { id: string }) => (
    <TrunklineProvider getToken={() => id}>
      <Follow id={id} onEvent={onEvent} />
      <Follow id={id} onEvent={onEvent} />
    </TrunklineProvider>
  );
  page.server.answer = ({ token }) => ({ userId: token ?? '' });
  const { rerender } = render(<App id="42" />);
  await pass();
  page.server.send({ type: 'a:1', data: 'for 42' });
  rerender(<App id="7" />);
  await pass();
  expect(onEvent).not.toHaveBeenCalled();
  expect(page.server.connects).toEqual([
    expect.objectContaining({ token: '42' }),
    expect.not.objectContaining({ subs: expect.anything() }),
  ]);
  expect(page.server.connects.at(-1)?.token).toBe('7');
  expect(page.server.clients).toHaveLength(1);
  page.server.send({ type: 'a:1', data: 'for 7' });
  await pass();
  expect(onEvent.mock.calls).toEqual([['for 7'], ['for 7']]);
});

test('a switch in the middle of a dispatch ends it', async () => {
  const seen: unknown[] = [];
  const App = () => {
    const [id, setId] = useState('42');
    const onFirst = (data: unknown) => {
      seen.push(['first', data]);
      flushSync(() => setId('7'));
    };
    return (
      <>
        <FollowOnce id={id} onEvent={onFirst} />
        <FollowOnce id={id} onEvent={(data) => void seen.push(['second', data])} />
      </>
    );
  };
  render(<App />);
  await pass();
  page.server.send({ type: 'a:1', data: 1 });
  page.server.send({ type: 'a:1', data: 2 });
  page.server.answer = { userId: '7' };
  await pass();
  expect(seen).toEqual([['first', 1]]);
});

function FollowOnce({ id, onEvent }: { id: string; onEvent: (data: unknown) => void }) {
  const { subscribe } = useWebSocket(id);
  const [first] = useState(() => onEvent);
  useEffect(() => subscribe('a:1', (event) => first(event.data)), [subscribe, first]);
  return null;
}

test('a log-out closes at once', async () => {
  const { result, rerender } = renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  rerender({ id: '' });
  expect(page.server.clients).toEqual([]);
  expect(result.current).toMatchObject({ isConnected: false, status: 'idle', identity: null });
});

test('a change of page keeps the connection', async () => {
  const { rerender } = render(<Follow key="a" id="42" onEvent={() => {}} />);
  await pass();
  rerender(<Follow key="b" id="42" onEvent={() => {}} />);
  await pass(60_000);
  expect(page.server.connects).toHaveLength(1);
});

test('another tenant is another identity: nothing of the old one stays', async () => {
  const shown = new Set<string>();
  const toast = {
    show: ({ id }: { id: string }) => void shown.add(id),
    dismiss: (id: string) => void shown.delete(id),
  };
  const callback = vi.fn<() => void>();
  const Work = () => {
    useOperationToasts('42');
    useTableRefresh('42', 'users', callback);
    return null;
  };
  const App = ({ tenantId }: { tenantId: string }) => (
    <TrunklineProvider tenantId={tenantId} toast={toast}>
      <Work />
    </TrunklineProvider>
  );
  const { rerender } = render(<App tenantId="acme" />);
  await pass();
  const operation = { operationId: 'op', operationType: 'user-import' };
  page.server.send({ type: 'operation:progress', data: { ...operation, percentage: 10 } });
  page.server.send({
    type: 'operation:error',
    data: { ...operation, operationId: 'b', error: '' },
  });
  const metadata = { tablesToRefresh: ['users'] };
  page.server.send({ type: 'a:1', metadata });
  page.server.send({ type: 'a:1', metadata });
  await pass(400);
  const [acme] = pageRegistry().clients.get();
  expect([...shown]).toEqual(['trunkline-op:acme:b', 'trunkline-op:acme:op']);
  expect(callback).toHaveBeenCalledTimes(1);
  page.server.answer = { userId: '42', realm: { kind: 'tenant', tenantId: 'globex' } };
  rerender(<App tenantId="globex" />);
  expect([...shown]).toEqual([]);
  expect(acme?.operations.values()).toEqual([]);
  await pass(1000);
  expect(callback).toHaveBeenCalledTimes(1);
  expect(pageRegistry().clients.get()).not.toContain(acme);
  expect(page.server.connects.map(({ data }) => data)).toEqual([
    { tenantId: 'acme' },
    { tenantId: 'globex' },
  ]);
  expect(page.server.clients).toHaveLength(1);
});

test('another user than the page says', async () => {
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
  page.server.answer = { userId: '7' };
  const { result } = renderHook(useIt, { initialProps: { id: '42' } });
  await pass(60_000);
  expect(result.current).toMatchObject({ status: 'identity-mismatch', isConnected: false });
  expect(errors).toHaveBeenCalledTimes(1);
  expect(page.server.connects).toHaveLength(1);
});

test('useEvent calls the newest handler and opens nothing itself', async () => {
  const seen: unknown[] = [];
  const { rerender } = renderHook(
    ({ tag }) => useEvent('a:*', (event) => void seen.push([tag, event.type])),
    { initialProps: { tag: 'old' } },
  );
  await pass();
  expect(page.server.connects).toHaveLength(0);
  renderHook(useIt, { initialProps: { id: '42' } });
  rerender({ tag: 'new' });
  await pass();
  page.server.send({ type: 'a:1' });
  await pass();
  expect(seen).toEqual([['new', 'a:1']]);
});

test("the provider's newest functions are called", async () => {
  const gaps: unknown[] = [];
  const errors: unknown[] = [];
  const App = ({ tag }: { tag: string }) => (
    <TrunklineProvider
      onGap={() => void gaps.push(tag)}
      onError={(error) => void errors.push([tag, (error as Error).message])}
    >
      <Broken />
    </TrunklineProvider>
  );
  const { rerender } = render(<App tag="old" />);
  await pass();
  rerender(<App tag="new" />);
  page.server.send({ type: 'a:1' });
  await pass();
  page.server.drop();
  page.server.loseHistory();
  await pass(30_000);
  expect(gaps).toEqual(['new']);
  expect(errors).toEqual([['new', 'broken']]);
});

function Broken() {
  const { subscribe } = useWebSocket('42');
  useEffect(
    () =>
      subscribe('a:1', () => {
        throw new Error('broken');
      }),
    [subscribe],
  );
  return null;
}

test('configureTrunkline holds where there is no provider', async () => {
  configureTrunkline({ getToken: () => 'configured' });
  renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  expect(page.server.connects[0]?.token).toBe('configured');
  expect(() => configureTrunkline({ url: '/elsewhere' })).toThrow('other settings');
});

test('takes over what the server rendered', async () => {
  page.server.joinRoom('chat:42');
  const container = document.createElement('div');
  container.innerHTML = renderToString(<EveryHook />);
  document.body.append(container);
  const onRecoverableError = vi.fn<(error: unknown) => void>();
  const errors = vi.spyOn(console, 'error');
  // connected already, which the server did not know
  const other = renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  const { unmount } = render(<EveryHook />, { container, hydrate: true, onRecoverableError });
  await pass();
  expect(container.textContent).toBe('true live Live joined 1 true 0');
  expect(onRecoverableError).not.toHaveBeenCalled();
  expect(errors).not.toHaveBeenCalled();
  unmount();
  other.unmount();
});

test("the login page mounts no hook: the old user's toasts go when the next one is in", async () => {
  const shown = new Set<string>();
  const toast = {
    show: ({ title }: { title: string }) => void shown.add(title),
    dismiss: () => shown.clear(),
  };
  configureTrunkline({ toast });
  const Layout = ({ id }: { id: string }) => {
    useOperationToasts(id);
    return null;
  };
  const { rerender } = render(<Layout id="42" />);
  await pass();
  const data = { operationId: 'op', operationType: 'user-import', error: 'Row 7' };
  page.server.send({ type: 'operation:error', data });
  await pass();
  rerender(<p>Log in</p>);
  await pass(60_000);
  expect([...shown]).toEqual(['User Import failed']);
  page.server.answer = { userId: '7' };
  rerender(<Layout id="7" />);
  expect([...shown]).toEqual([]);
});

test('settings that come after the mount are heard', async () => {
  page.server.answer = ({ token }) => (token === 'late' ? { userId: '42' } : { close: 3500 });
  const Status = () => <p>{useWebSocket('42').status}</p>;
  const App = ({ token }: { token?: string }) => (
    <TrunklineProvider getToken={token === undefined ? undefined : () => token}>
      <Status />
    </TrunklineProvider>
  );
  const { rerender, container } = render(<App />);
  await pass();
  expect(container.textContent).toBe('auth-failed');
  rerender(<App token="late" />);
  await pass();
  expect(container.textContent).toBe('live');
});

test('two providers of one user both hear of a gap, until they leave', async () => {
  const gaps: string[] = [];
  configureTrunkline({ onGap: () => void gaps.push('page') });
  const Part = ({ name }: { name?: string }) => (
    <TrunklineProvider onGap={name === undefined ? undefined : () => void gaps.push(name)}>
      <Follow id="42" onEvent={() => {}} />
      <Follow id="42" onEvent={() => {}} />
    </TrunklineProvider>
  );
  const lose = async () => {
    page.server.drop();
    page.server.loseHistory();
    await pass(30_000);
  };
  const { rerender } = render([<Part key="a" name="a" />, <Part key="b" name="b" />]);
  await pass();
  await lose();
  expect(gaps).toEqual(['a', 'b']);
  rerender([<Part key="a" name="a" />, <Part key="c" />, <Part key="d" />]);
  await lose();
  expect(gaps).toEqual(['a', 'b', 'a', 'page']);
});

test('ConnectionStatus follows the page, and offers a way back', async () => {
  render(<ConnectionStatus labels={{ live: 'Online' }} />);
  const status = () => screen.getByRole('status').textContent;
  expect(status()).toBe('Not connected');
  renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  expect(status()).toBe('Online');
  page.server.answer = { close: 3500 };
  page.server.drop();
  expect(status()).toBe('Online');
  await pass(30_000);
  expect(status()).toContain('Please log in again');
  page.server.answer = { userId: '42' };
  act(() => screen.getByRole('button', { name: 'Reconnect' }).click());
  await pass(5000);
  expect(status()).toBe('Online');
});

test('ConnectionStatus says so, quietly, when the connection is no WebSocket', async () => {
  page.server.blocksWebSockets = true;
  const { rerender } = render(<ConnectionStatus />);
  const { result } = renderHook(useIt, { initialProps: { id: '42' } });
  await pass(10);
  const status = screen.getByRole('status');
  expect(status.textContent).toBe('Live over HTTP');
  expect(status.dataset).toMatchObject({ status: 'live', transport: 'http_stream' });
  expect(screen.getByText('over HTTP').title).toContain('does not let WebSockets through');
  expect(result.current.transport).toBe('http_stream');
  rerender(<ConnectionStatus httpLabel="(slow lane)" httpTitle="Ask your admin" />);
  expect(status.textContent).toBe('Live (slow lane)');
  expect(screen.getByText('(slow lane)').title).toBe('Ask your admin');
  rerender(<ConnectionStatus httpLabel="" />);
  expect(status.textContent).toBe('Live');
  page.server.blocksWebSockets = false;
  await pass(200_000);
  rerender(<ConnectionStatus />);
  expect(status.textContent).toBe('Live');
  expect(status.dataset).toMatchObject({ status: 'live', transport: 'websocket' });
});

test('the types follow the pattern', () => {
  const check = (subscribe: Subscribe) => {
    subscribe('operation:progress', (event) => event.data.percentage satisfies number | undefined);
    subscribe('operation:*', (event) => event.data.operationId satisfies string);
    subscribe('chat:message', (event) => event.data.anything);
  };
  expect(check).toBeTypeOf('function');
});
