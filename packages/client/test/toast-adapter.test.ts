import { type ToastAdapter, ToastQueue, type ToastView } from '@trunkline/client';
import { expect, test, vi } from 'vitest';

const view = (id: string) => ({ id, title: id }) as ToastView;

test('holds the newest 50 toasts until the adapter is loaded', async () => {
  const shown: string[] = [];
  const adapter: ToastAdapter = { show: ({ id }) => void shown.push(id), dismiss: () => {} };
  const { promise, resolve } = Promise.withResolvers<ToastAdapter>();
  const queue = new ToastQueue(
    () => () => promise,
    () => {},
  );
  for (let i = 0; i < 60; i++) queue.show(view(String(i)));
  queue.show(view('59'));
  queue.dismiss('58');
  expect(shown).toEqual([]);
  resolve(adapter);
  await new Promise((done) => setImmediate(done));
  expect(shown).toHaveLength(49);
  expect(shown).not.toContain('9');
  expect(shown).not.toContain('58');
  queue.show(view('later'));
  expect(shown.at(-1)).toBe('later');
});

test('an adapter that throws is reported and harms nobody', () => {
  const errors: unknown[] = [];
  const fail = () => {
    throw new Error('broken');
  };
  const queue = new ToastQueue(
    () => ({ show: fail, dismiss: fail }),
    (error) => errors.push(error),
  );
  queue.show(view('a'));
  queue.dismiss('a');
  expect(errors).toHaveLength(2);
});

test('an adapter that could not be loaded is loaded again with the next toast', async () => {
  const errors: unknown[] = [];
  const shown: string[] = [];
  let attempts = 0;
  const load = () =>
    ++attempts === 1
      ? Promise.reject(new Error('network'))
      : Promise.resolve({ show: ({ id }: ToastView) => void shown.push(id), dismiss: () => {} });
  const queue = new ToastQueue(
    () => load,
    (error) => errors.push(error),
  );
  queue.show(view('a'));
  await new Promise((resolve) => setImmediate(resolve));
  queue.show(view('b'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors).toHaveLength(1);
  expect(shown).toEqual(['a', 'b']);
});

test('a load that fails, or throws at once, is tried again without another toast', async () => {
  vi.useFakeTimers();
  const errors: unknown[] = [];
  const shown: string[] = [];
  let attempts = 0;
  const load = () => {
    if (++attempts === 1) throw new Error('thrown');
    if (attempts === 2) return Promise.reject(new Error('network'));
    return Promise.resolve({ show: ({ id }: ToastView) => void shown.push(id), dismiss: () => {} });
  };
  const queue = new ToastQueue(
    () => load,
    (error) => errors.push(error),
  );
  queue.show(view('a'));
  await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();
  expect(errors).toHaveLength(2);
  expect(shown).toEqual(['a']);
});
