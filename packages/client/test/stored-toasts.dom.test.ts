import {
  CallError,
  type Client,
  type OperationToastOptions,
  Registry,
  type Settings,
  type ToastView,
  toAddress,
} from '@trunkline/client';
import { TestOperations } from '@trunkline/client/testing';
import {
  CANCEL_OPERATION_CALL,
  defineOperation,
  OPERATIONS_CALL,
  RETRY_OPERATION_CALL,
} from '@trunkline/contract';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();
let server: TestOperations;

/** A tab's toasts, as they are on its screen. */
class Screen {
  readonly toasts = new Map<string, ToastView>();
  readonly log: string[] = [];
  readonly toast = {
    show: (view: ToastView) => {
      this.toasts.set(view.id, view);
      this.log.push(view.title);
    },
    dismiss: (id: string) => void this.toasts.delete(id),
  };

  get titles(): string[] {
    return [...this.toasts.values()].map(({ title }) => title);
  }

  get(operation = 'op-1'): ToastView | undefined {
    return this.toasts.get(`trunkline-op:acme:${operation}`);
  }

  /** The user closes the toast. */
  close(view: ToastView | undefined): void {
    this.toasts.delete(view?.id ?? '');
    view?.onClose();
  }
}

/** The locks that all tabs of a browser share. */
function shareLocks(locks: object | undefined): void {
  Object.defineProperty(navigator, 'locks', { value: locks, configurable: true });
}

function newLocks(): object {
  const held = new Set<string>();
  return {
    async request(name: string, _options: object, hold: (lock: object | null) => unknown) {
      if (held.has(name)) return await hold(null);
      held.add(name);
      await hold({ name });
      held.delete(name);
    },
  };
}

function look(isHidden: boolean): void {
  const value = isHidden ? 'hidden' : 'visible';
  Object.defineProperty(document, 'visibilityState', { value, configurable: true });
}

beforeEach(() => {
  server = new TestOperations(page.server);
  shareLocks(newLocks());
});
afterEach(() => {
  look(false);
  shareLocks(undefined);
});

/** A tab of user 42; `options` are those of its toasts. */
async function open(options: OperationToastOptions = {}, settings: Settings = {}) {
  const screen = new Screen();
  const { client } = connectAs(page, '42', { toast: screen.toast, ...settings });
  const unmount = client.toasts.mount(() => options);
  await pass();
  return { client, screen, unmount };
}

/** A second tab of the same browser and user. */
async function openAnother() {
  const screen = new Screen();
  const settings = { url: 'ws://test/connection/websocket', toast: screen.toast };
  const lease = new Registry().acquire(toAddress('42', settings), settings);
  page.leases.push(lease);
  lease.client.toasts.mount(() => ({}));
  await pass();
  return { client: lease.client, screen };
}

/** Ended, and forgotten by the tabs that were there. */
function past(act: () => void): void {
  const { tell } = server;
  server.tell = () => {};
  act();
  server.tell = tell;
}

const seen = (id = 'op-1') => server.get(id).isSeen;

test('waiting, running, cancelling, tried again', async () => {
  const { screen } = await open();
  server.start({ type: 'user-import', state: 'queued', maxAttempts: 2 });
  await pass(400);
  expect(screen.get()).toMatchObject({ title: 'User Import', description: 'Waiting to start' });
  server.update('op-1', { state: 'running', percentage: 30, message: 'Reading' });
  await pass(250);
  expect(screen.get()).toMatchObject({ title: 'User Import - 30%', description: 'Reading' });
  server.update('op-1', { state: 'cancelling', isCancellable: false });
  await pass(250);
  expect(screen.get()).toMatchObject({ description: 'Cancelling…' });
  expect(screen.get()).not.toHaveProperty('action');
  server.retry('op-1');
  await pass(250);
  expect(screen.get()?.description).toBe('Retrying (2): Waiting to start');
  expect(screen.toasts.size).toBe(1);
});

test('an operation that comes on two channels has one toast', async () => {
  const ended: string[] = [];
  const { screen } = await open({ onComplete: ({ id }) => void ended.push(id) });
  const { tell } = server;
  server.tell = (snapshot) => {
    tell({ ...snapshot, audience: 'tenant' });
    tell(snapshot);
  };
  server.start({ type: 'a' });
  await pass(400);
  server.succeed('op-1');
  await pass(1000);
  expect(screen.log).toEqual(['A', 'A completed']);
  expect(ended).toEqual(['op-1']);
});

test('what comes on several channels has one toast, and of others’ none where it is not wanted', async () => {
  const roles = ['@role:admin', '@role:auditor'];
  page.server.answer = { userId: '42', channels: ['@user', ...roles] };
  const [own, all] = [await open(), await openAnother()];
  all.client.toasts.mount(() => ({ include: 'tenant' }));
  server = new TestOperations({
    calls: page.server.calls,
    send: (event) => {
      for (const channel of roles) page.server.send({ ...event, scope: 'role' }, { channel });
      const isOwn = (event.data as { ownerId: string }).ownerId === '42';
      if (isOwn) page.server.send(event, { channel: '@user' });
    },
  });
  const audience = { roles: ['admin', 'auditor'] };
  server.start({ type: 'mine', audience });
  server.start({ type: 'theirs', ownerId: '7', audience });
  await pass(400);
  for (const id of ['op-1', 'op-2']) server.succeed(id);
  await pass(1000);
  expect(own.screen.log).toEqual(['Mine', 'Mine completed']);
  expect(own.client.operations.get('op-2')?.state).toBe('succeeded');
  const theirs = all.screen.log.filter((title) => title.startsWith('Theirs'));
  expect(theirs).toEqual(['Theirs', 'Theirs completed']);
});

test('Cancel asks the server, and says so', async () => {
  const { screen } = await open();
  server.start({ type: 'a', percentage: 10 });
  await pass(400);
  const asked = vi.fn<(data: unknown) => void>();
  const answer = page.server.calls[CANCEL_OPERATION_CALL];
  page.server.calls[CANCEL_OPERATION_CALL] = (data, caller) => {
    asked(data);
    return answer?.(data, caller);
  };
  expect(screen.get()?.action?.label).toBe('Cancel');
  screen.get()?.action?.onClick();
  expect(screen.get()?.description).toBe('Cancelling…');
  expect(screen.get()).not.toHaveProperty('action');
  await pass(250);
  expect(asked.mock.calls).toEqual([[{ id: 'op-1' }]]);
  expect(screen.get()?.description).toBe('Cancelling…');
  server.fail('op-1', 'Cancelled', 'cancelled');
  await pass();
  expect(screen.get()).toMatchObject({ kind: 'cancelled', title: 'A cancelled', description: '' });
});

test('a refused cancel says why for a while, and is no error of the app', async () => {
  const onError = vi.fn<(error: unknown) => void>();
  const { screen } = await open({}, { onError });
  page.server.calls[CANCEL_OPERATION_CALL] = () => {
    throw new CallError(409, 'It is too late');
  };
  server.start({ type: 'a', message: 'Reading' });
  await pass(400);
  screen.get()?.action?.onClick();
  await pass(250);
  expect(screen.get()).toMatchObject({
    description: 'It is too late',
    action: { label: 'Cancel' },
  });
  await pass(8000);
  expect(screen.get()?.description).toBe('Reading');
  expect(onError).not.toHaveBeenCalled();
});

test('a server that breaks over it is reported', async () => {
  const onError = vi.fn<(error: unknown) => void>();
  const { screen } = await open({}, { onError });
  page.server.calls[CANCEL_OPERATION_CALL] = () => {
    throw new CallError(100, 'internal server error');
  };
  server.start({ type: 'a' });
  await pass(400);
  screen.get()?.action?.onClick();
  await pass();
  expect(onError).toHaveBeenCalledTimes(1);
});

test('Retry turns the toast of a failure into the one of the next attempt, in place', async () => {
  const { screen } = await open();
  server.start({ type: 'a' });
  server.fail('op-1', 'The process died', 'crashed');
  await pass();
  const failed = screen.get();
  expect(failed).toMatchObject({ kind: 'error', title: 'A was interrupted' });
  expect(failed?.action?.label).toBe('Retry');
  failed?.action?.onClick();
  failed?.action?.onClick();
  expect(screen.get()).toMatchObject({ kind: 'error', description: 'Trying again…' });
  await pass();
  expect(screen.get()).toMatchObject({
    kind: 'running',
    description: 'Retrying (2): Waiting to start',
    action: { label: 'Cancel' },
  });
  expect(server.get('op-1').attempt).toBe(2);
  server.succeed('op-1');
  await pass();
  expect(screen.titles).toEqual(['A completed']);
});

test('Retry needs no free place: the toast has one', async () => {
  const { screen } = await open();
  server.start({ type: 'failing' });
  server.fail('op-1', 'x');
  for (const type of ['a', 'b', 'c', 'd']) server.start({ type });
  await pass(1000);
  screen.get()?.action?.onClick();
  await pass(1000);
  expect(screen.titles).toEqual(['Failing', 'A', 'B', 'C', '1 more running']);
});

test('a failure that is tried again is none of the five that stay', async () => {
  const { screen } = await open();
  server.start({ type: 'retried' });
  server.fail('op-1', 'x');
  await pass();
  screen.get()?.action?.onClick();
  await pass();
  for (let i = 0; i < 5; i++) server.fail(server.start({ type: 'other' }), 'x');
  await pass();
  expect(screen.get()?.kind).toBe('running');
  expect(screen.toasts.size).toBe(6);
});

test('Retry where the user had closed the running toast: one toast again', async () => {
  const { screen } = await open();
  server.start({ type: 'a' });
  await pass(400);
  screen.close(screen.get());
  server.fail('op-1', 'x');
  await pass();
  screen.toasts.get('trunkline-op:acme:op-1:end')?.action?.onClick();
  await pass();
  expect([...screen.toasts.keys()]).toEqual(['trunkline-op:acme:op-1']);
});

test('a refused retry says why in the failure’s toast', async () => {
  const { screen } = await open();
  page.server.calls[RETRY_OPERATION_CALL] = () => {
    throw new CallError(103, 'permission denied');
  };
  server.start({ type: 'a' });
  server.fail('op-1', 'Row 7');
  await pass();
  screen.get()?.action?.onClick();
  await pass();
  expect(screen.get()).toMatchObject({ kind: 'error', description: 'permission denied' });
  await pass(8000);
  expect(screen.get()).toMatchObject({ description: 'Row 7', action: { label: 'Retry' } });
});

test('no button without a use: raw, not to be cancelled, somebody else’s, not to be retried', async () => {
  const { screen } = await open({ include: 'tenant' });
  const data = { operationId: 'raw', operationType: 'a' };
  page.server.send({ type: 'operation:progress', data });
  server.start({ type: 'a', isCancellable: false });
  server.start({ type: 'a', ownerId: '7', audience: 'tenant' });
  await pass(400);
  expect([...screen.toasts.values()].map(({ action }) => action)).toEqual(Array(3).fill(undefined));
  page.server.send({ type: 'operation:error', data: { ...data, error: 'x' } });
  const error = { code: 'failed', message: 'x', retryable: false };
  for (const id of ['op-1', 'op-2']) server.update(id, { state: 'failed', error });
  await pass();
  expect([...screen.toasts.values()].map(({ kind }) => kind)).toEqual(Array(3).fill('error'));
  expect([...screen.toasts.values()].map(({ action }) => action)).toEqual(Array(3).fill(undefined));
});

test('the toast of too many shows them all, if the app can', async () => {
  const onShowAll = vi.fn<() => void>();
  const { screen } = await open({ onShowAll });
  for (let i = 0; i < 30; i++) server.start({ type: 'a' });
  await pass(1000);
  const summary = [...screen.toasts.values()].find(({ title }) => title === '27 more running');
  expect(summary?.action?.label).toBe('Show all');
  summary?.action?.onClick();
  expect(onShowAll).toHaveBeenCalledTimes(1);
});

test('after a reload, what runs is shown at once and without a word, until there is news', async () => {
  server.start({ type: 'user-import', percentage: 30 });
  page.server.loseHistory();
  const { screen } = await open();
  expect(screen.get()).toMatchObject({ title: 'User Import - 30%', announcement: '' });
  server.update('op-1', { percentage: 40 });
  await pass(250);
  expect(screen.get()?.announcement).toBe('');
  server.update('op-1', { percentage: 60 });
  await pass(250);
  expect(screen.get()?.announcement).toBe('User Import is half done');
});

test('what has ended while nobody looked is told once, and marked', async () => {
  server.start({ type: 'user-import' });
  server.start({ type: 'data-export' });
  server.fail('op-1', 'Row 7');
  server.succeed('op-2');
  page.server.loseHistory();
  await pass(9 * 60_000);
  const onComplete = vi.fn<() => void>();
  const { screen } = await open({ onComplete });
  expect(screen.get()).toMatchObject({
    kind: 'error',
    title: 'User Import failed',
    description: 'While you were away: Row 7',
    action: { label: 'Retry' },
  });
  expect(screen.get('op-2')).toMatchObject({ description: 'While you were away' });
  expect(onComplete).not.toHaveBeenCalled();
  await pass(1000);
  expect(seen('op-1') && seen('op-2')).toBe(true);
  const { screen: reloaded } = await openAnother();
  expect(reloaded.titles).toEqual([]);
});

test('what is long past, seen, somebody else’s, or a part of another is not told', async () => {
  server.succeed(server.start({ type: 'a' }));
  await pass(11 * 60_000);
  server.succeed(server.start({ type: 'a' }));
  server.markSeen(['op-2']);
  server.succeed(server.start({ type: 'a', ownerId: '7', audience: 'tenant' }));
  server.succeed(server.start({ type: 'a', parentId: 'op-0' }));
  page.server.loseHistory();
  const { screen } = await open({ include: 'tenant' });
  await pass(1000);
  expect(screen.titles).toEqual([]);
});

test('an end that a gap has swallowed is an end like any other', async () => {
  const ended: string[] = [];
  const { screen } = await open({ onComplete: ({ state }) => void ended.push(state) });
  server.start({ type: 'a' });
  await pass(400);
  past(() => server.succeed('op-1'));
  page.server.loseHistory();
  page.server.drop();
  await pass(30_000);
  expect(screen.get()).toMatchObject({ kind: 'success', description: '' });
  expect(ended).toEqual(['succeeded']);
});

test('a late end corrects a crash in its toast', async () => {
  const { screen } = await open();
  server.start({ type: 'a' });
  server.fail('op-1', 'The process died', 'crashed');
  await pass();
  server.succeed('op-1');
  await pass();
  expect(screen.titles).toEqual(['A completed']);
});

test('an end that is seen as it happens is marked', async () => {
  await open();
  server.succeed(server.start({ type: 'a' }));
  await pass(1000);
  expect(seen()).toBe(true);
});

test('what is not toasted is not seen', async () => {
  await open({ exclude: ['a'] });
  server.succeed(server.start({ type: 'a' }));
  await pass(1000);
  expect(seen()).toBe(false);
});

test('in a hidden page an end waits for the user', async () => {
  const ended: string[] = [];
  const { screen } = await open({ onComplete: ({ id }) => void ended.push(id) });
  server.start({ type: 'a', percentage: 40 });
  await pass(400);
  look(true);
  server.succeed('op-1');
  page.server.send({
    type: 'operation:complete',
    data: { operationId: 'raw', operationType: 'b' },
  });
  await pass(60_000);
  expect(screen.titles).toEqual(['A - 40%']);
  expect(seen()).toBe(false);
  expect(ended).toEqual(['op-1', 'raw']);
  look(false);
  document.dispatchEvent(new Event('visibilitychange'));
  window.dispatchEvent(new Event('focus'));
  await pass(1000);
  expect(screen.titles).toEqual(['A completed', 'B completed']);
  expect(screen.log.filter((title) => title === 'A completed')).toHaveLength(1);
  expect(seen()).toBe(true);
});

test('what has been seen elsewhere meanwhile is not told again on return', async () => {
  const { screen } = await open();
  server.start({ type: 'a' });
  await pass(400);
  look(true);
  server.succeed('op-1');
  await pass();
  server.markSeen(['op-1']);
  look(false);
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(1000);
  expect(screen.titles).toEqual([]);
});

/** The user is back at the page. */
async function comeBack() {
  look(false);
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(1000);
}

test('on return, what has ended more than ten minutes ago is left to the list', async () => {
  const { client, screen } = await open();
  const raw = { operationId: 'raw', operationType: 'raw' };
  server.start({ type: 'old' });
  page.server.send({ type: 'operation:progress', data: raw });
  await pass(400);
  expect(screen.titles).toEqual(['Old', 'Raw']);
  look(true);
  server.succeed('op-1');
  page.server.send({ type: 'operation:complete', data: raw });
  await pass(10 * 60_000);
  server.succeed(server.start({ type: 'new' }));
  await comeBack();
  expect(screen.titles).toEqual(['New completed']);
  expect(client.operations.get('op-1')).toMatchObject({ state: 'succeeded', isSeen: false });
  expect([seen('op-1'), seen('op-2')]).toEqual([false, true]);
});

test('on return, of many ends the five last are shown, once, and none is kept running', async () => {
  const [{ screen }, other] = [await open(), await openAnother()];
  look(true);
  for (let i = 1; i <= 150; i++) server.start({ type: `a-${i}` });
  await pass(1000);
  for (let i = 1; i <= 150; i++) {
    server.succeed(`op-${i}`);
    await pass(1);
  }
  look(false);
  const last = [146, 147, 148, 149, 150].map((i) => `A ${i} completed`);
  await comeBack();
  other.client.toasts.onReturn();
  await pass(10_000);
  const told = [...screen.log, ...other.screen.log].filter((title) => title.endsWith('completed'));
  expect(told.toSorted()).toEqual(last);
  expect([...screen.titles, ...other.screen.titles].toSorted()).toEqual(last);
});

test('an end that is forgotten while it waits takes its running toast along', async () => {
  const { screen } = await open();
  server.start({ type: 'first' });
  await pass(400);
  look(true);
  server.succeed('op-1');
  for (let i = 0; i < 200; i++) {
    await pass(1);
    server.succeed(server.start({ type: 'other' }));
  }
  await pass(1000);
  expect(screen.titles).toEqual([]);
});

test('a server that cannot be asked on return hides nothing', async () => {
  const { screen } = await open();
  server.start({ type: 'a' });
  look(true);
  server.succeed('op-1');
  await pass();
  page.server.calls[OPERATIONS_CALL] = () => {
    throw new CallError(100, 'internal server error');
  };
  look(false);
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(1000);
  expect(screen.titles).toEqual(['A completed']);
});

test('an end that waited in a hidden page is nothing to tell once it is tried again', async () => {
  const { screen } = await open();
  server.start({ type: 'a' });
  look(true);
  server.fail('op-1', 'x');
  await pass();
  server.retry('op-1');
  await pass();
  look(false);
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(1000);
  expect(screen.titles).toEqual(['A']);
});

test('of several visible tabs, one tells the end, and none keeps it running', async () => {
  const [one, other] = [await open(), await openAnother()];
  server.start({ type: 'a' });
  await pass(400);
  expect([one.screen.titles, other.screen.titles]).toEqual([['A'], ['A']]);
  server.succeed('op-1');
  await pass(300);
  expect([...one.screen.titles, ...other.screen.titles]).toEqual(['A completed']);
});

test('all tabs hidden: the one that the user comes back to tells it, the others never', async () => {
  const [one, other] = [await open(), await openAnother()];
  server.start({ type: 'a' });
  look(true);
  server.succeed('op-1');
  await pass(60_000);
  look(false);
  const comeBackTo = async (client: Client) => {
    client.toasts.onReturn();
    await pass(10_000);
  };
  await comeBackTo(other.client);
  await comeBackTo(one.client);
  expect(other.screen.log).toContain('A completed');
  expect(one.screen.log).not.toContain('A completed');
});

test('a tab that comes second, and cannot ask, leaves it to the first', async () => {
  const [one, other] = [await open(), await openAnother()];
  server.start({ type: 'a' });
  look(true);
  server.succeed('op-1');
  await pass();
  page.server.calls[OPERATIONS_CALL] = () => {
    throw new CallError(100, 'internal server error');
  };
  look(false);
  one.client.toasts.onReturn();
  await pass(2000);
  other.client.toasts.onReturn();
  await pass(10_000);
  expect([one.screen.titles, other.screen.titles]).toEqual([['A completed'], []]);
});

test('without locks, every visible tab tells it', async () => {
  shareLocks(undefined);
  const [one, other] = [await open(), await openAnother()];
  server.succeed(server.start({ type: 'a' }));
  await pass();
  expect([one.screen.titles, other.screen.titles]).toEqual([['A completed'], ['A completed']]);
});

test('locks that are refused are no locks', async () => {
  shareLocks({ request: () => Promise.reject(new Error('SecurityError')) });
  const { screen } = await open();
  server.succeed(server.start({ type: 'a' }));
  await pass();
  expect(screen.titles).toEqual(['A completed']);
});

test('a claim that is granted after a log-out shows nothing', async () => {
  let grant = () => {};
  shareLocks({
    request: (_name: string, _options: object, hold: (lock: object) => unknown) =>
      new Promise((resolve) => {
        grant = () => resolve(hold({}));
      }),
  });
  const { client, screen } = await open();
  server.succeed(server.start({ type: 'a' }));
  await pass();
  client.toasts.clear();
  grant();
  await pass();
  expect(screen.titles).toEqual([]);
});

test('others’ operations are toasted on demand, and one’s own whatever the channel', async () => {
  const [own, all] = [await open(), await openAnother()];
  all.client.toasts.mount(() => ({ include: 'tenant' }));
  server.start({ type: 'mine', audience: 'tenant' });
  server.start({ type: 'theirs', ownerId: '7', audience: 'tenant' });
  await pass(400);
  expect(own.screen.titles).toEqual(['Mine']);
  expect(all.screen.titles).toEqual(['Mine', 'Theirs']);
});

test('of a parent and its children the parent is toasted, unless a child’s kind is named', async () => {
  const { screen, client } = await open();
  server.start({ type: 'import' });
  server.start({ type: 'import-file', parentId: 'op-1' });
  await pass(400);
  expect(screen.titles).toEqual(['Import']);
  client.toasts.mount(() => ({ types: ['import-file'] }));
  await pass(400);
  expect(screen.titles).toEqual(['Import', 'Import File']);
});

test('a definition names its kind, where the operation has no name of its own', async () => {
  const userImport = defineOperation('user-import', { label: 'People' });
  const { screen } = await open({ types: [userImport, 'data-export'], exclude: ['other'] });
  const data = { operationId: 'raw', operationType: 'user-import' };
  page.server.send({ type: 'operation:progress', data: { ...data, percentage: 20 } });
  server.start({ type: 'user-import', label: 'Import of users.csv', percentage: 10 });
  server.start({ type: 'unknown' });
  await pass(400);
  expect(screen.titles).toEqual(['People - 20%', 'Import of users.csv - 10%']);
  page.server.send({ type: 'operation:complete', data });
  await pass();
  expect(screen.titles).toContain('People completed');
});

test('render names the button too', async () => {
  const { screen } = await open({ render: () => ({ action: 'Abbrechen' }) });
  server.start({ type: 'a' });
  await pass(400);
  expect(screen.get()?.action?.label).toBe('Abbrechen');
});

test('an app’s own button is on the toast of the end, which then stays longer', async () => {
  const onError = vi.fn<(error: unknown) => void>();
  const download = vi.fn<(result: unknown) => void>();
  const render: OperationToastOptions['render'] = ({ type, result }) =>
    type === 'data-export'
      ? { action: { label: 'Download', onClick: () => download(result) } }
      : {};
  const { screen } = await open({ render, include: 'tenant' }, { onError });
  server.start({ type: 'data-export' });
  server.start({ type: 'data-export', ownerId: '7', audience: 'tenant' });
  server.start({ type: 'user-import' });
  await pass(400);
  expect(screen.get()?.action?.label).toBe('Cancel');
  expect(screen.get('op-2')).not.toHaveProperty('action');
  server.succeed('op-1', { result: { url: '/files/1' } });
  for (const id of ['op-2', 'op-3']) server.succeed(id);
  await pass();
  expect(screen.get()).toMatchObject({ durationMs: 10_000, action: { label: 'Download' } });
  expect(screen.get('op-2')?.action?.label).toBe('Download');
  expect(screen.get('op-3')).not.toHaveProperty('action');
  expect(screen.get('op-3')?.durationMs).toBe(5000);
  screen.get()?.action?.onClick();
  expect(download.mock.calls).toEqual([[{ url: '/files/1' }]]);
  download.mockImplementation(() => {
    throw new Error('The popup was blocked');
  });
  screen.get()?.action?.onClick();
  expect(onError).toHaveBeenCalledTimes(1);
});

test('an app’s own button stands in for Retry, where the app wants it', async () => {
  const report = { label: 'Report', onClick: () => {} };
  const { screen } = await open({
    render: ({ type }) => ({ action: type === 'a' ? report : 'Once more' }),
  });
  for (const type of ['a', 'b']) server.fail(server.start({ type }), 'x');
  await pass();
  expect(screen.get()).toMatchObject({ action: { label: 'Report' }, durationMs: Infinity });
  expect(screen.get('op-2')?.action?.label).toBe('Once more');
});

test('after the last page the toast goes to the background without a button', async () => {
  const { screen, unmount } = await open();
  server.start({ type: 'a' });
  await pass(400);
  unmount();
  await pass(5000);
  expect(screen.get()?.title).toBe('A is running in the background');
  expect(screen.get()).not.toHaveProperty('action');
});
