import { CallError, type Operation } from '@trunkline/client';
import { TestOperations } from '@trunkline/client/testing';
import {
  CANCEL_OPERATION_CALL,
  OPERATIONS_CALL,
  type OperationFilter,
  SEEN_OPERATIONS_CALL,
} from '@trunkline/contract';
import { beforeEach, expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();
let server: TestOperations;

beforeEach(() => {
  server = new TestOperations(page.server);
});

/** A client as user 42 that somebody shows the operations of. */
async function join() {
  const { client } = connectAs(page, '42');
  const statuses: string[] = [];
  client.state.subscribe(() => {
    const { status } = client.state.get();
    if (statuses.at(-1) !== status) statuses.push(status);
  });
  const stop = client.operations.watch();
  await pass();
  return { client, operations: client.operations, statuses, stop };
}

/** The page's questions for operations so far. */
const questions = (): OperationFilter[] =>
  page.server.frames
    .flatMap((frame) => frame.split('\n'))
    .map((line) => (JSON.parse(line) as { rpc?: { method: string; data: OperationFilter } }).rpc)
    .filter((rpc) => rpc?.method === OPERATIONS_CALL)
    .map((rpc) => rpc?.data ?? {});

const ids = (operations: readonly Operation[]) => operations.map(({ id }) => id);

/** Makes lists at once, and sends them when it is told to. */
function holdLists() {
  const { promise, resolve } = Promise.withResolvers<void>();
  page.server.calls[OPERATIONS_CALL] = async (filter: OperationFilter) => {
    const list = server.list(filter);
    await promise;
    return list;
  };
  return resolve;
}

/** The connection is lost, and with it what is sent until `act` is through. */
async function missing(act: () => void) {
  page.server.drop();
  act();
  page.server.loseHistory();
  await pass(30_000);
}

test('what runs and what has ended is there when the page is live', async () => {
  server.start({ type: 'a' });
  server.succeed(server.start({ type: 'b' }));
  page.server.loseHistory();
  const release = holdLists();
  const { client, operations, statuses } = await join();
  expect(client.state.get()).toMatchObject({ status: 'syncing', isConnected: false });
  release();
  await pass();
  expect(statuses).toEqual(['syncing', 'live']);
  expect(operations.values()).toMatchObject([
    { id: 'op-1', state: 'running' },
    { id: 'op-2', state: 'succeeded' },
  ]);
  expect(operations.state.get()).toMatchObject({ isLoaded: true, hasMore: false });
  expect(questions()).toEqual([
    { state: 'active', limit: 200 },
    { state: 'ended', limit: 50 },
  ]);
});

test('a page that shows no operations does not ask for them, until it does', async () => {
  server.start({ type: 'a' });
  page.server.loseHistory();
  const { client } = connectAs(page, '42');
  await pass();
  expect(client.state.get().status).toBe('live');
  expect(questions()).toEqual([]);
  client.operations.watch();
  await pass();
  expect(ids(client.operations.values())).toEqual(['op-1']);
});

test('asks once, however many look, and not again after a reconnect that lost nothing', async () => {
  const { operations, statuses } = await join();
  operations.watch();
  page.server.drop();
  server.start({ type: 'a' });
  await pass(30_000);
  expect(questions()).toHaveLength(2);
  expect(statuses.at(-1)).toBe('live');
  expect(ids(operations.values())).toEqual(['op-1']);
});

test('after a gap, what was missed is read: a new one, progress, ends', async () => {
  const { operations, statuses } = await join();
  for (const type of ['a', 'b', 'c']) server.start({ type });
  await pass();
  await missing(() => {
    server.update('op-1', { percentage: 70 });
    server.succeed('op-2');
    server.fail('op-3', 'x');
    server.retry('op-3');
    server.start({ type: 'd' });
  });
  expect(statuses.slice(-2)).toEqual(['resyncing', 'live']);
  expect(operations.values()).toMatchObject([
    { id: 'op-1', percentage: 70 },
    { id: 'op-2', state: 'succeeded' },
    { id: 'op-3', state: 'queued', attempt: 2 },
    { id: 'op-4', state: 'running' },
  ]);
});

test('one that is neither active nor ended any more is gone', async () => {
  const { operations } = await join();
  server.start({ type: 'a' });
  await pass();
  await missing(() => server.remove('op-1'));
  expect(operations.values()).toEqual([]);
});

test('an end that sixty later ones have pushed out of the first page is found', async () => {
  const { operations } = await join();
  server.start({ type: 'long' });
  await pass();
  await missing(() => {
    for (let i = 0; i < 60; i++) server.succeed(server.start({ type: 'short' }));
    server.succeed('op-1');
  });
  expect(operations.get('op-1')?.state).toBe('succeeded');
});

test('what happens while the list is on its way is neither lost nor undone', async () => {
  server.start({ type: 'a', percentage: 10 });
  page.server.loseHistory();
  const release = holdLists();
  const { operations } = await join();
  server.update('op-1', { percentage: 50 });
  server.start({ type: 'b' });
  await pass();
  expect(operations.get('op-1')?.percentage).toBe(50);
  release();
  await pass();
  expect(operations.values()).toMatchObject([
    { id: 'op-1', percentage: 50 },
    { id: 'op-2', state: 'running' },
  ]);
});

test('all that are active are read, page by page', async () => {
  for (let i = 0; i < 450; i++) server.start({ type: 'a' });
  page.server.loseHistory();
  const { operations } = await join();
  expect(operations.values()).toHaveLength(450);
  expect(questions().filter(({ state }) => state === 'active')).toHaveLength(3);
});

test('of more than a thousand, none is taken for gone because it is in no list', async () => {
  const { operations } = await join();
  server.start({ type: 'oldest' });
  await pass();
  await missing(() => {
    for (let i = 0; i < 1100; i++) server.start({ type: 'a' });
  });
  expect(operations.get('op-1')?.state).toBe('running');
  expect(questions().filter(({ state }) => state === 'active')).toHaveLength(1 + 5);
});

test('a server that keeps no operations is asked once per connection, and nobody is told', async () => {
  const said = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')];
  delete page.server.calls[OPERATIONS_CALL];
  const { operations, statuses } = await join();
  await pass(120_000);
  expect(statuses).toEqual(['syncing', 'live']);
  expect(operations.state.get().isLoaded).toBe(true);
  expect(questions()).toHaveLength(1);
  page.server.drop();
  await pass(30_000);
  expect(questions()).toHaveLength(2);
  for (const spy of said) expect(spy).not.toHaveBeenCalled();
});

test('an app that answers every call with nothing keeps no operations either', async () => {
  page.server.calls[OPERATIONS_CALL] = () => null;
  const { statuses } = await join();
  await pass(120_000);
  expect(statuses).toEqual(['syncing', 'live']);
  expect(questions()).toHaveLength(1);
});

test('a list that fails keeps nobody waiting, and is tried again', async () => {
  server.start({ type: 'a' });
  page.server.loseHistory();
  page.server.calls[OPERATIONS_CALL] = () => {
    throw new CallError(100, 'internal server error');
  };
  const { operations, statuses } = await join();
  expect(statuses).toEqual(['syncing', 'live']);
  expect(operations.state.get().isLoaded).toBe(false);
  await pass(20_000);
  const tries = questions().length;
  expect(tries).toBeGreaterThan(2);
  expect(tries).toBeLessThan(12);
  page.server.calls[OPERATIONS_CALL] = (filter) => server.list(filter);
  await pass(60_000);
  expect(ids(operations.values())).toEqual(['op-1']);
});

test('a list that does not come holds the page up for 5 s at most', async () => {
  holdLists();
  const { client } = await join();
  await pass(4900);
  expect(client.state.get().status).toBe('syncing');
  await pass(200);
  expect(client.state.get().status).toBe('live');
});

test('a connection that is lost while the list is on its way begins anew with the next one', async () => {
  server.start({ type: 'a' });
  page.server.loseHistory();
  holdLists();
  const { client, statuses } = await join();
  page.server.calls[OPERATIONS_CALL] = (filter) => server.list(filter);
  page.server.drop();
  await pass(30_000);
  expect(statuses).toEqual(['syncing', 'reconnecting', 'syncing', 'live']);
  expect(ids(client.operations.values())).toEqual(['op-1']);
});

test('what an admin sees of others, and is not told of, is not kept', async () => {
  server.start({ type: 'a', ownerId: '7', audience: 'owner' });
  server.start({ type: 'a', ownerId: '7', audience: 'tenant' });
  server.succeed(server.start({ type: 'a', ownerId: '7', audience: 'owner' }));
  page.server.loseHistory();
  const { operations } = await join();
  expect(ids(operations.values())).toEqual(['op-2']);
});

test('the operations of one realm are not those of another', async () => {
  server.start({ type: 'a' });
  page.server.loseHistory();
  const { operations } = await join();
  expect(operations.values()).toHaveLength(1);
  server.remove('op-1');
  page.server.answer = { userId: '42', realm: { kind: 'platform' } };
  page.server.drop();
  await pass(30_000);
  expect(operations.values()).toEqual([]);
  expect(operations.state.get().isLoaded).toBe(true);
});

test('cancel and retry answer with the operation as it stands', async () => {
  const { operations } = await join();
  server.tell = () => {}; // the answer is all that the page hears
  server.start({ type: 'a' });
  const cancelled = operations.cancel('op-1');
  await pass();
  expect(await cancelled).toMatchObject({ state: 'cancelling', isCancellable: false });
  expect(operations.get('op-1')?.state).toBe('cancelling');
  server.fail('op-1', 'x');
  const retried = operations.retry('op-1');
  await pass();
  expect(await retried).toMatchObject({ state: 'queued', attempt: 2 });
  expect(operations.get('op-1')?.state).toBe('queued');
});

test('a command that is refused says why', async () => {
  const { operations } = await join();
  page.server.calls[CANCEL_OPERATION_CALL] = () => {
    throw new CallError(409, 'It has ended already');
  };
  const refusal = operations.cancel('op-1').catch((error: unknown) => error);
  await pass();
  expect(await refusal).toMatchObject({ name: 'CallError', message: 'It has ended already' });
});

test('older ones are added page by page, and stay', async () => {
  for (let i = 0; i < 320; i++) {
    server.succeed(server.start({ type: 'a' }));
    await pass(1);
  }
  page.server.loseHistory();
  const { operations } = await join();
  expect(operations.state.get()).toMatchObject({ hasMore: true });
  expect(operations.values()).toHaveLength(50);
  for (let read = 0; read < 6; read++) {
    void operations.loadMore();
    await pass();
  }
  expect(operations.values()).toHaveLength(320);
  expect(operations.state.get().hasMore).toBe(false);
  expect(operations.state.get().operations[0]?.id).toBe('op-320');
});

test('a list of one’s own changes nothing on the page', async () => {
  const { operations } = await join();
  server.tell = () => {};
  server.succeed(server.start({ type: 'a' }));
  const listing = operations.list({ state: 'ended' });
  await pass();
  expect((await listing).operations).toMatchObject([{ id: 'op-1' }]);
  expect(operations.values()).toEqual([]);
});

test('what was seen is told in one call, and again if the connection was away', async () => {
  const { operations } = await join();
  const told: string[][] = [];
  page.server.calls[SEEN_OPERATIONS_CALL] = ({ ids: seen }) => void told.push(seen);
  for (const type of ['a', 'b']) server.succeed(server.start({ type }));
  await pass();
  operations.markSeen(['op-1']);
  operations.markSeen(['op-2']);
  expect(operations.get('op-2')?.isSeen).toBe(true);
  await pass(1000);
  expect(told).toEqual([['op-1', 'op-2']]);

  page.server.isDeaf = true;
  operations.markSeen(['op-3']);
  await pass(6000);
  page.server.isDeaf = false;
  page.server.drop();
  await pass(30_000);
  expect(told.slice(1)).toEqual([['op-3']]);
});

test('the list changes at most four times a second, but another state shows at once', async () => {
  const { operations } = await join();
  const { state } = operations;
  server.start({ type: 'a' });
  await pass(1000);
  let changes = 0;
  const stop = state.subscribe(() => void changes++);
  for (let i = 1; i <= 40; i++) {
    server.update('op-1', { percentage: i });
    await pass(25);
  }
  expect(changes).toBeLessThanOrEqual(5);
  stop();
  const before = state.get();
  expect(state.get()).toBe(before);
  server.succeed('op-1');
  await pass(16);
  expect(state.get().operations[0]?.state).toBe('succeeded');
});

test('stored operations are never stalled, nor forgotten while they run', async () => {
  const { operations } = await join();
  server.start({ type: 'a' });
  await pass(60 * 60_000);
  expect(operations.get('op-1')).toMatchObject({ state: 'running', isStalled: false });
});

/** The server does this, and nobody hears of it, though every connection is sound. */
function unheard(act: () => void) {
  const { tell } = server;
  server.tell = () => {};
  act();
  server.tell = tell;
}

test('an end that was never published is found after two minutes of silence', async () => {
  const { operations } = await join();
  server.start({ type: 'a' });
  server.start({ type: 'b' });
  server.start({ type: 'c' });
  await pass();
  unheard(() => {
    server.succeed('op-1');
    server.remove('op-2');
  });
  const asked = questions().length;
  await pass(119_000);
  expect(operations.get('op-1')?.state).toBe('running');
  expect(questions()).toHaveLength(asked);
  await pass(31_000);
  expect(operations.values()).toMatchObject([
    { id: 'op-1', state: 'succeeded' },
    { id: 'op-3', state: 'running' },
  ]);
});

test('an end that was never published is found though sixty later ones are', async () => {
  const { operations } = await join();
  server.start({ type: 'long' });
  await pass();
  unheard(() => server.succeed('op-1'));
  for (let i = 0; i < 60; i++) server.succeed(server.start({ type: 'short' }));
  await pass(150_000);
  expect(operations.get('op-1')?.state).toBe('succeeded');
});

test('all that are silent are asked about at once, each two minutes at most, until they end', async () => {
  await join();
  for (let i = 0; i < 20; i++) server.start({ type: 'a' });
  await pass();
  const before = questions().length;
  await pass(20 * 60_000);
  const asked = questions().slice(before);
  expect(asked.length).toBeGreaterThanOrEqual(8);
  expect(asked.length).toBeLessThanOrEqual(10);
  expect(new Set(asked.map(({ state }) => state))).toEqual(new Set(['active']));
  for (let i = 1; i <= 20; i++) server.succeed(`op-${i}`);
  await pass(1000);
  const ended = questions().length;
  await pass(20 * 60_000);
  expect(questions()).toHaveLength(ended);
});

test('a question about silence that fails is asked again', async () => {
  const { operations } = await join();
  server.start({ type: 'a' });
  await pass();
  unheard(() => server.succeed('op-1'));
  page.server.calls[OPERATIONS_CALL] = () => {
    throw new CallError(100, 'internal server error');
  };
  await pass(150_000);
  page.server.calls[OPERATIONS_CALL] = (filter) => server.list(filter);
  await pass(60_000);
  expect(operations.get('op-1')?.state).toBe('succeeded');
});

test('nobody asks about those that are heard of', async () => {
  await join();
  server.start({ type: 'a' });
  await pass();
  const asked = questions().length;
  for (let minute = 1; minute <= 20; minute++) {
    server.update('op-1', { percentage: minute });
    await pass(60_000);
  }
  expect(questions()).toHaveLength(asked);
});

test('what is silent is not asked about where nobody looks, nor after the last page', async () => {
  const { client, stop } = await join();
  server.start({ type: 'a' });
  await pass();
  stop();
  const asked = questions().length;
  await pass(10 * 60_000);
  expect(questions()).toHaveLength(asked);
  client.operations.watch();
  await pass(31_000);
  expect(questions()).toHaveLength(asked + 1);
  client.close('unused');
  expect(vi.getTimerCount()).toBe(0);
});

test('while the connection is away nobody is silent; when it is back, they may be', async () => {
  const { client, operations } = await join();
  server.start({ type: 'a' });
  server.succeed(server.start({ type: 'b' }));
  await pass();
  const asked = questions().length;
  page.server.isDeaf = true;
  page.server.drop();
  unheard(() => server.succeed('op-1'));
  await pass();
  operations.markSeen(['op-2']);
  await pass(10 * 60_000);
  expect(client.state.get().isConnected).toBe(false);
  page.server.isDeaf = false;
  client.reconnect();
  await pass();
  expect(client.state.get().isConnected).toBe(true);
  expect(questions()).toHaveLength(asked);
  await pass(31_000);
  expect(operations.get('op-1')?.state).toBe('succeeded');
});

test('of those that have ended, the two hundred last stay', async () => {
  const { operations } = await join();
  for (let i = 0; i < 250; i++) {
    server.succeed(server.start({ type: 'a' }));
    await pass(1);
  }
  expect(operations.values()).toHaveLength(200);
  expect(operations.get('op-50')).toBeUndefined();
  expect(operations.get('op-51')).toBeDefined();
});
