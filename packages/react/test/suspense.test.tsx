import { act, render } from '@testing-library/react';
import { StrictMode, Suspense, use, useEffect } from 'react';
import { expect, test, vi } from 'vitest';
import { TrunklineProvider, useEvent, useTableRefresh, useWebSocket } from '../src/index.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();

interface Calls {
  onEvent: (data: unknown) => void;
  onPageEvent: (data: unknown) => void;
  onRefresh: () => void;
}

const newCalls = () => ({
  onEvent: vi.fn<(data: unknown) => void>(),
  onPageEvent: vi.fn<(data: unknown) => void>(),
  onRefresh: vi.fn<() => void>(),
});

function Rows({ id, onEvent, onPageEvent, onRefresh }: Calls & { id: string }) {
  const { subscribe } = useWebSocket(id);
  useEffect(() => subscribe('a:1', (event) => onEvent(event.data)), [subscribe, onEvent]);
  useEvent('a:1', (event) => onPageEvent(event.data));
  useTableRefresh(id, 'users', onRefresh, { throttleMs: 0 });
  return null;
}

function Wait({ until }: { until: Promise<void> | null }) {
  if (until) use(until);
  return null;
}

interface AppProps {
  id: string;
  until: Promise<void> | null;
  calls: Calls;
  children?: React.ReactNode;
}

const App = ({ id, until, calls, children }: AppProps) => (
  <TrunklineProvider getToken={() => id}>
    <Suspense fallback={<p>Loading</p>}>
      <Rows id={id} {...calls} />
      <Wait until={until} />
    </Suspense>
    {children}
  </TrunklineProvider>
);

const send = async (data: unknown) => {
  page.server.send({ type: 'a:1', data, metadata: { tablesToRefresh: ['users'] } });
  await pass();
};

test.each([true, false])('what suspends again goes on hearing (strict: %s)', async (isStrict) => {
  const calls = newCalls();
  const wait = Promise.withResolvers<void>();
  const show = (until: Promise<void> | null) => {
    const app = <App id="42" until={until} calls={calls} />;
    return isStrict ? <StrictMode>{app}</StrictMode> : app;
  };
  const { rerender, unmount, container } = render(show(null));
  await pass();
  await send(1);
  await act(async () => rerender(show(wait.promise)));
  await pass(60_000);
  expect(container.textContent).toBe('Loading');
  await send(2);
  await act(async () => wait.resolve());
  await pass(1000);
  expect(container.textContent).toBe('');
  await send(3);
  expect(calls.onEvent.mock.calls).toEqual([[1], [2], [3]]);
  expect(calls.onPageEvent.mock.calls).toEqual([[1], [2], [3]]);
  expect(calls.onRefresh).toHaveBeenCalledTimes(3);
  expect(page.server.connects).toHaveLength(1);
  unmount();
  await send(4);
  window.dispatchEvent(new CustomEvent('table-refresh:users'));
  await pass(5000);
  expect(calls.onRefresh).toHaveBeenCalledTimes(3);
  expect(page.server.clients).toEqual([]);
});

test('a user switch while hidden: the old user is gone before the new one connects', async () => {
  page.server.answer = ({ token }) => {
    expect(page.server.clients).toHaveLength(1);
    return { userId: token ?? '' };
  };
  const calls = newCalls();
  const Other = ({ id }: { id: string }) => <p>{useWebSocket(id).identity?.userId}</p>;
  const show = (id: string, until: Promise<void> | null) => (
    <App id={id} until={until} calls={calls}>
      <Other id={id} />
    </App>
  );
  const wait = Promise.withResolvers<void>();
  const { rerender, unmount, container } = render(show('42', null));
  await pass();
  await act(async () => rerender(show('42', wait.promise)));
  await pass();
  await send('for 42');
  page.server.send({ type: 'a:1', data: 'in flight' });
  await act(async () => rerender(show('7', wait.promise)));
  await pass();
  await send('for 7');
  // React keeps the old props of what it hides
  expect(calls.onEvent.mock.calls).toEqual([['for 42']]);
  await act(async () => wait.resolve());
  await pass(1000);
  await send('for 7');
  expect(calls.onEvent.mock.calls).toEqual([['for 42'], ['for 7']]);
  expect(container.textContent).toBe('7');
  expect(page.server.connects.map(({ token }) => token)).toEqual(['42', '7']);
  unmount();
  await pass(5000);
  expect(page.server.clients).toEqual([]);
});
