import { renderHook } from '@testing-library/react';
import { TestOperations } from '@trunkline/client/testing';
import { OPERATIONS_CALL } from '@trunkline/contract';
import { beforeEach, expect, test } from 'vitest';
import {
  defineOperation,
  type UseOperationsOptions,
  useOperations,
  useWebSocket,
} from '../src/index.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();
let server: TestOperations;

beforeEach(() => {
  server = new TestOperations(page.server);
});

interface Props {
  readonly id: string;
  readonly options?: UseOperationsOptions;
}

const open = (props: Props = { id: '42' }) =>
  renderHook(({ id, options }: Props) => useOperations(id, options), { initialProps: props });

const ids = (operations: readonly { id: string }[]) => operations.map(({ id }) => id);

test('what runs and what has ended, the newest first', async () => {
  server.start({ type: 'a' });
  await pass(1);
  server.succeed(server.start({ type: 'b' }));
  page.server.loseHistory();
  const { result } = open();
  expect(result.current).toMatchObject({ operations: [], isLoading: true, hasMore: false });
  await pass();
  expect(result.current.isLoading).toBe(false);
  expect(ids(result.current.operations)).toEqual(['op-2', 'op-1']);
  expect(ids(result.current.running)).toEqual(['op-1']);
  expect(ids(result.current.ended)).toEqual(['op-2']);
  server.fail('op-1', 'x');
  await pass(16);
  expect(ids(result.current.ended)).toEqual(['op-2', 'op-1']);
});

test('raw operations are in the list too', async () => {
  const { result } = open();
  await pass();
  const data = { operationId: 'raw', operationType: 'a', percentage: 20 };
  page.server.send({ type: 'operation:progress', data });
  await pass();
  expect(result.current.running).toMatchObject([{ id: 'raw', percentage: 20, isStored: false }]);
});

test('the result is the same until something changes, and the functions for as long as the user', async () => {
  server.start({ type: 'a' });
  page.server.loseHistory();
  const { result, rerender } = open({ id: '42', options: { types: ['a'] } });
  await pass();
  const before = result.current;
  rerender({ id: '42', options: { types: ['a'] } });
  page.server.send({ type: 'chat:message', data: {} });
  await pass(1000);
  expect(result.current).toBe(before);
  server.update('op-1', { percentage: 10 });
  await pass(1000);
  expect(result.current.operations).not.toBe(before.operations);
  for (const name of ['cancel', 'retry', 'loadMore'] as const) {
    expect(result.current[name]).toBe(before[name]);
  }
});

test('only some kinds, or only those that run; a definition names its own', async () => {
  const userImport = defineOperation('user-import', { label: 'People' });
  server.start({ type: 'user-import' });
  server.start({ type: 'data-export' });
  server.succeed(server.start({ type: 'user-import' }));
  page.server.loseHistory();
  const { result, rerender } = open({ id: '42', options: { types: [userImport] } });
  await pass();
  expect(ids(result.current.operations).toSorted()).toEqual(['op-1', 'op-3']);
  expect(result.current.running).toMatchObject([{ label: 'People' }]);
  rerender({ id: '42', options: { state: 'active' } });
  expect(ids(result.current.operations).toSorted()).toEqual(['op-1', 'op-2']);
  expect(result.current.ended).toEqual([]);
  rerender({ id: '42', options: { state: 'ended' } });
  expect(ids(result.current.operations)).toEqual(['op-3']);
  expect(result.current.running).toEqual([]);
});

test('cancels, tries again, and says why not', async () => {
  const { result } = open();
  await pass();
  server.start({ type: 'a' });
  await pass();
  const cancelled = result.current.cancel('op-1');
  await pass();
  expect(await cancelled).toMatchObject({ state: 'cancelling' });
  await pass(16);
  expect(result.current.running).toMatchObject([{ state: 'cancelling' }]);
  server.fail('op-1', 'x');
  const retried = result.current.retry('op-1');
  await pass();
  expect(await retried).toMatchObject({ attempt: 2 });
  const refused = result.current.cancel('unknown').catch((error: unknown) => error);
  await pass();
  expect(await refused).toMatchObject({ reason: 'not-found' });
});

test('older ones come page by page', async () => {
  for (let i = 0; i < 70; i++) server.succeed(server.start({ type: 'a' }));
  page.server.loseHistory();
  const { result } = open();
  await pass();
  expect(result.current.ended).toHaveLength(50);
  expect(result.current.hasMore).toBe(true);
  const loading = result.current.loadMore();
  await pass();
  await loading;
  expect(result.current.ended).toHaveLength(70);
  expect(result.current.hasMore).toBe(false);
});

test('nobody is logged in: nothing to see, nothing to do', async () => {
  const { result } = open({ id: '' });
  await pass();
  expect(result.current).toMatchObject({ operations: [], isLoading: false });
  await expect(result.current.cancel('op-1')).rejects.toMatchObject({ reason: 'disconnected' });
});

test('user 42 becomes 7: at no moment sees 7 what was 42’s', async () => {
  server.start({ type: 'secret' });
  page.server.loseHistory();
  const seen: { id: string; operations: string[] }[] = [];
  const { rerender } = renderHook(
    ({ id }) => {
      const { operations } = useOperations(id);
      seen.push({ id, operations: ids(operations) });
    },
    { initialProps: { id: '42' } },
  );
  await pass();
  expect(seen.at(-1)?.operations).toEqual(['op-1']);
  server.remove('op-1');
  page.server.answer = { userId: '7' };
  rerender({ id: '7' });
  await pass();
  expect(seen.some(({ id }) => id === '7')).toBe(true);
  for (const { id, operations } of seen) if (id === '7') expect(operations).toEqual([]);
});

test('a page without it asks the server for no operations', async () => {
  renderHook(() => useWebSocket('42'));
  await pass();
  expect(page.server.frames.filter((frame) => frame.includes(OPERATIONS_CALL))).toEqual([]);
});

test('a server that keeps none has nothing to load', async () => {
  delete page.server.calls[OPERATIONS_CALL];
  const { result } = open();
  await pass();
  expect(result.current).toMatchObject({ operations: [], isLoading: false, hasMore: false });
});
