import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type OperationEvent,
  OperationStore,
  type OperationToastOptions,
  ToastController,
  type ToastView,
} from '@trunkline/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const screen = new Map<string, ToastView>();
const log: string[] = [];
let operations: OperationStore;
let toasts: ToastController;

beforeEach(() => {
  vi.useFakeTimers();
  screen.clear();
  log.length = 0;
  operations = new OperationStore({
    onChange: (operation, before) => toasts.update(operation, before),
    onForget: (id) => toasts.forget(id),
  });
  toasts = new ToastController({
    adapter: {
      show(view) {
        screen.set(view.id, view);
        log.push(view.title);
      },
      dismiss: (id) => void screen.delete(id),
    },
    operations,
    realmName: () => 'acme',
    onError: (error) => void log.push(String(error)),
  });
});
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

const mount = (options: OperationToastOptions = {}) => toasts.mount(() => options);
const titles = () => [...screen.values()].map(({ title }) => title);
const wait = (ms: number) => vi.advanceTimersByTime(ms);

function send(
  type: string,
  data: object,
  { message, scope = 'user' }: Record<string, string> = {},
) {
  const subject = { operationId: 'op', operationType: 'user-import' };
  const metadata = message === undefined ? {} : { message };
  operations.apply({ type, data: { ...subject, ...data }, metadata, scope } as OperationEvent);
}
const progress = (percentage: number, data: object = {}) =>
  send('operation:progress', { percentage, ...data });
const complete = (data: object = {}, rest: Record<string, string> = {}) =>
  send('operation:complete', data, rest);
const fail = (error: string, rest: Record<string, string> = {}, data: object = {}) =>
  send('operation:error', { error, ...data }, rest);

/** The user closes the toast. */
function close(id: string) {
  const view = screen.get(id);
  screen.delete(id);
  view?.onClose();
}

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  vi.useRealTimers();
  // what was looked at lives until the end of the turn
  await new Promise((resolve) => setTimeout(resolve));
  collect();
}

const ID = 'trunkline-op:acme:op';

test("the guide's example: title with the percentage, message below", () => {
  mount();
  progress(45, { operationType: 'data-export', message: 'Processing records...' });
  expect(titles()).toEqual([]);
  wait(400);
  expect(screen.get(ID)).toMatchObject({
    kind: 'running',
    title: 'Data Export - 45%',
    description: 'Processing records...',
    percentage: 45,
    durationMs: Number.POSITIVE_INFINITY,
  });
});

test('an operation that ends within 400 ms has only its last toast', () => {
  mount();
  progress(10);
  wait(399);
  complete();
  wait(10_000);
  expect(log).toEqual(['User Import completed']);
});

test('progress 50, 30 (late), complete, 90 (late)', () => {
  mount();
  progress(50);
  wait(400);
  progress(30);
  wait(1000);
  expect(titles()).toEqual(['User Import - 50%']);
  complete({}, { message: 'Users imported successfully!' });
  progress(90);
  wait(1000);
  expect(screen.get(ID)).toMatchObject({
    kind: 'success',
    title: 'Users imported successfully!',
    durationMs: 5000,
  });
  expect(screen.size).toBe(1);
});

test('closed at 20 %: nothing at 40 %, but the end appears', () => {
  mount();
  progress(20);
  wait(400);
  close(ID);
  progress(40);
  wait(5000);
  expect(titles()).toEqual([]);
  complete();
  expect(titles()).toEqual(['User Import completed']);
});

test('a failure stays, with its message as title and the error below', () => {
  mount();
  fail('Row 7 has no name', { message: 'User import failed' });
  expect(screen.get(ID)).toMatchObject({
    kind: 'error',
    title: 'User import failed',
    description: 'Row 7 has no name',
    durationMs: Number.POSITIVE_INFINITY,
  });
  send('operation:error', { operationId: 'b', error: { message: 'Why' } });
  expect(titles()).toContain('User Import failed');
});

test('of failures that were closed, nothing is kept', async () => {
  mount();
  const failures: WeakRef<object>[] = [];
  const failNext = () => {
    const operationId = `op-${failures.length}`;
    fail('x', {}, { operationId });
    failures.push(new WeakRef(operations.get(operationId) ?? {}));
  };
  for (let i = 0; i < 10; i++) failNext();
  wait(31 * 60_000);
  expect(operations.values()).toEqual([]);
  for (let i = 0; i < 5; i++) failNext();
  await collectGarbage();
  const kept = failures.map((failure) => failure.deref() !== undefined);
  expect(kept).toEqual([...Array(10).fill(false), ...Array(5).fill(true)]);
});

test('at most five failures are visible, the newest', () => {
  mount();
  for (const operationId of ['a', 'b', 'c', 'd', 'e', 'f']) fail(operationId, {}, { operationId });
  expect([...screen.values()].map(({ description }) => description)).toEqual('bcdef'.split(''));
  close('trunkline-op:acme:c');
  fail('g', {}, { operationId: 'g' });
  expect([...screen.values()].map(({ description }) => description)).toEqual('bdefg'.split(''));
});

test('a cancelled operation says so for 3 s', () => {
  mount();
  send('operation:error', { error: { code: 'cancelled', message: 'Stopped by you' } });
  expect(screen.get(ID)).toMatchObject({ kind: 'cancelled', durationMs: 3000 });
});

test('100 % in a progress event is not the end yet', () => {
  mount();
  progress(100, { message: 'Almost' });
  wait(400);
  expect(screen.get(ID)).toMatchObject({
    title: 'User Import - 99%',
    description: 'Finalising',
    percentage: 99,
  });
});

test('no percentage: no number', () => {
  mount();
  send('operation:progress', { message: 'Reading' });
  wait(400);
  expect(screen.get(ID)?.title).toBe('User Import');
  expect(screen.get(ID)).not.toHaveProperty('percentage');
});

test('a retry says so', () => {
  mount();
  progress(10, { attempt: 2, message: 'Reading' });
  wait(400);
  expect(screen.get(ID)?.description).toBe('Retrying (2): Reading');
});

test('at most four updates per second, the newest wins, the end at once', () => {
  mount();
  progress(0);
  wait(400);
  log.length = 0;
  for (let i = 1; i <= 50; i++) {
    progress(i);
    wait(20);
  }
  expect(log.length).toBeLessThanOrEqual(4);
  wait(250);
  expect(log.at(-1)).toBe('User Import - 50%');
  progress(60);
  complete();
  expect(log.at(-1)).toBe('User Import completed');
  wait(1000);
  expect(log.at(-1)).toBe('User Import completed');
});

test('what a screen reader says changes at the start, the half and the end', () => {
  mount();
  const said: string[] = [];
  const listen = () => {
    const text = screen.get(ID)?.announcement ?? '';
    if (said.at(-1) !== text) said.push(text);
  };
  progress(0);
  wait(400);
  for (let i = 0; i <= 99; i++) {
    progress(i);
    wait(250);
    listen();
  }
  complete();
  listen();
  expect(said).toEqual([
    'User Import started',
    'User Import is half done',
    'User Import completed',
  ]);
});

test('thirty operations at once: three toasts and one summary', () => {
  mount();
  for (let i = 1; i <= 30; i++) progress(i, { operationId: `op-${i}` });
  wait(2000);
  expect(titles()).toEqual([
    'User Import - 1%',
    'User Import - 2%',
    'User Import - 3%',
    '27 more running',
  ]);
  complete({ operationId: 'op-1' });
  wait(2000);
  expect(titles()).toContain('User Import - 4%');
  expect(titles()).toContain('26 more running');
  for (let i = 2; i <= 27; i++) complete({ operationId: `op-${i}` });
  wait(2000);
  expect(titles().some((title) => title.includes('more running'))).toBe(false);
});

test('a closed summary stays closed until there is room for all', () => {
  mount();
  const start = (id: string) => progress(1, { operationId: id });
  for (const id of ['a', 'b', 'c', 'd']) start(id);
  wait(1000);
  const summary = [...screen.values()].find(({ title }) => title === '1 more running');
  close(summary?.id ?? '');
  start('e');
  wait(1000);
  expect(titles().some((title) => title.includes('more running'))).toBe(false);
});

test('several pages, one toast; it survives a change of page', () => {
  const [first, second] = [mount(), mount()];
  progress(10);
  wait(400);
  expect(screen.size).toBe(1);
  first();
  second();
  wait(4999);
  mount();
  progress(20);
  wait(60_000);
  expect(titles()).toEqual(['User Import - 20%']);
});

test('5 s after the last page it goes to the background, and comes back with the next', () => {
  const unmount = mount();
  progress(10);
  wait(400);
  unmount();
  progress(20);
  wait(5000);
  expect(screen.get(ID)).toMatchObject({
    title: 'User Import is running in the background',
    durationMs: 3000,
  });
  log.length = 0;
  complete({ operationId: 'other' });
  progress(30);
  wait(5000);
  expect(log).toEqual([]);
  mount();
  wait(400);
  expect(screen.get(ID)?.title).toBe('User Import - 30%');
});

test('an end within these 5 s is still shown, but the page that has left is not called', () => {
  const onComplete = vi.fn<(given?: unknown) => void>();
  const unmount = mount({ onComplete });
  progress(10);
  wait(400);
  unmount();
  complete();
  expect(titles()).toEqual(['User Import completed']);
  expect(onComplete).not.toHaveBeenCalled();
});

test('filters by type and by audience', () => {
  mount({ types: ['user-import', 'data-export'], exclude: ['data-export'] });
  complete({ operationId: 'a', operationType: 'data-export' });
  complete({ operationId: 'b', operationType: 'other' });
  complete({ operationId: 'c' }, { scope: 'tenant' });
  expect(titles()).toEqual([]);
  complete({ operationId: 'd' });
  expect(titles()).toHaveLength(1);
  mount({ include: 'tenant' });
  complete({ operationId: 'e' }, { scope: 'tenant' });
  expect(titles()).toHaveLength(2);
});

test('onComplete is told of every end; an error in it is reported', () => {
  const ends: string[] = [];
  mount({ onComplete: (operation) => void ends.push(operation.state) });
  mount({
    onComplete: () => {
      throw new Error('broken');
    },
  });
  complete({ operationId: 'a' });
  fail('x', {}, { operationId: 'b' });
  expect(ends).toEqual(['succeeded', 'failed']);
  expect(log).toContain('Error: broken');
});

test('render gives other words', () => {
  mount({ render: ({ state }) => (state === 'succeeded' ? { title: 'Fertig' } : {}) });
  progress(10);
  wait(400);
  expect(titles()).toEqual(['User Import - 10%']);
  complete();
  expect(titles()).toEqual(['Fertig']);
});

test('silence is shown, and in the end the toast goes', () => {
  mount();
  progress(10);
  wait(2 * 60_000 + 1000);
  expect(screen.get(ID)?.description).toBe('No news for a while');
  wait(30 * 60_000);
  expect(titles()).toEqual([]);
});

test('clear removes everything, also what has ended', () => {
  mount();
  for (const id of ['a', 'b', 'c', 'd']) progress(1, { operationId: id });
  wait(1000);
  fail('x');
  toasts.clear();
  wait(10_000);
  expect(titles()).toEqual([]);
});

test('clear finds what is still open after fifty others', () => {
  mount();
  fail('x', {}, { operationId: 'failed' });
  progress(1, { operationId: 'running' });
  wait(1000);
  for (let i = 0; i < 60; i++) {
    complete({ operationId: `op-${i}` });
    screen.delete(`trunkline-op:acme:op-${i}`);
  }
  expect(screen.size).toBe(2);
  toasts.clear();
  expect(titles()).toEqual([]);
});

test('what no page accepts any more goes to the background, at its next news', () => {
  let options: OperationToastOptions = {};
  toasts.mount(() => options);
  progress(10);
  progress(10, { operationId: 'b' });
  wait(1000);
  options = { types: ['other'] };
  progress(20);
  expect(screen.get(ID)).toMatchObject({
    title: 'User Import is running in the background',
    durationMs: 3000,
  });
  complete({ operationId: 'b' });
  expect(screen.has('trunkline-op:acme:b')).toBe(false);
});

test('what only the page that leaves has accepted goes to the background', () => {
  mount({ types: ['other'] });
  const leave = mount();
  progress(10);
  progress(10, { operationId: 'kept', operationType: 'other' });
  wait(1000);
  leave();
  expect(titles()).toEqual(['User Import is running in the background', 'Other - 10%']);
});

test('an operation that is announced to the tenant first is still its owner’s, and ends once', () => {
  const ends: string[] = [];
  mount({ onComplete: () => void ends.push('own') });
  mount({ include: 'tenant', onComplete: () => void ends.push('all') });
  complete({}, { scope: 'tenant' });
  expect(ends).toEqual(['all']);
  complete();
  complete();
  complete({}, { scope: 'tenant' });
  expect(ends).toEqual(['all', 'own']);
  expect(titles()).toEqual(['User Import completed']);
});

test('render may leave a word out by undefined', () => {
  mount({ render: () => ({ title: undefined, description: undefined }) as never });
  progress(10, { message: 'Reading' });
  wait(400);
  expect(screen.get(ID)).toMatchObject({ title: 'User Import - 10%', description: 'Reading' });
});

test('a clock that is set back stops no toast', () => {
  mount();
  progress(10);
  wait(400);
  vi.setSystemTime(Date.now() - 3_600_000);
  progress(20);
  wait(250);
  expect(titles()).toEqual(['User Import - 20%']);
});
