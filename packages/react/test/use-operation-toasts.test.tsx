import { render, renderHook, screen, within } from '@testing-library/react';
import { TestOperations } from '@trunkline/client/testing';
import { Toaster } from 'sonner';
import { afterEach, expect, test, vi } from 'vitest';
import { configureTrunkline, type ToastView, useOperationToasts } from '../src/index.ts';
import { loadToastsOf } from '../src/load-toasts.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();
afterEach(() => vi.doUnmock('sonner'));

const useIt = ({ id }: { id: string }) => useOperationToasts(id);
const data = { operationId: 'op', operationType: 'user-import' };
const progress = (percentage: number, message?: string) =>
  page.server.send({ type: 'operation:progress', data: { ...data, percentage, message } });

const toasts = () => [...document.querySelectorAll<HTMLElement>('[data-sonner-toast]')];
const titleOf = (toast?: HTMLElement) => toast?.querySelector('[data-title]')?.textContent;
const descriptionOf = (toast?: HTMLElement) =>
  toast?.querySelector('[data-description]')?.textContent;

/** Mounts the hook and loads sonner, which happens in real time. */
async function open() {
  render(<Toaster />);
  const hook = renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  return hook;
}

async function untilToasts(count: number) {
  await vi.dynamicImportSettled();
  await pass(100);
  expect(toasts()).toHaveLength(count);
}

test("sonner shows the guide's example, in place and to the end", async () => {
  const { result } = await open();
  expect(result.current).toEqual({ isConnected: true });
  progress(30, 'Validating user data...');
  await pass(400);
  await untilToasts(1);
  const [toast] = toasts();
  expect(titleOf(toast)).toBe('User Import - 30%');
  expect(descriptionOf(toast)).toBe('Validating user data...');
  const bar = within(toast).getByRole('progressbar');
  expect(bar.getAttribute('aria-valuenow')).toBe('30');

  progress(60);
  await pass(500);
  expect(toasts()).toEqual([toast]);
  expect(titleOf(toast)).toBe('User Import - 60%');
  page.server.send({
    type: 'operation:complete',
    data,
    metadata: { message: 'Users imported successfully!' },
  });
  await pass(500);
  expect(toasts()).toEqual([toast]);
  expect(toast?.dataset['type']).toBe('success');
  expect(titleOf(toast)).toBe('Users imported successfully!');
  expect(descriptionOf(toast)).toBeUndefined();
  await pass(6000);
  expect(toasts()).toEqual([]);
});

test('an unknown progress has a bar without a value', async () => {
  await open();
  page.server.send({ type: 'operation:progress', data });
  await pass(400);
  await untilToasts(1);
  expect(toasts().map(titleOf)).toEqual(['User Import']);
  expect(screen.getByRole('progressbar').hasAttribute('aria-valuenow')).toBe(false);
});

test('the percentage is seen and not said', async () => {
  await open();
  progress(30, 'Validating');
  await pass(400);
  await untilToasts(1);
  const [toast] = toasts();
  for (const hidden of toast?.querySelectorAll('[aria-hidden=true]') ?? []) hidden.remove();
  expect(toast?.textContent).toBe('User Import started');
});

test('closed by the user at 20 %: nothing at 40 %, but the end', async () => {
  await open();
  progress(20);
  await pass(400);
  await untilToasts(1);
  screen.getByRole('button', { name: 'Close toast' }).click();
  await pass(1000);
  progress(40);
  await pass(1000);
  expect(toasts()).toEqual([]);
  page.server.send({ type: 'operation:error', data: { ...data, error: 'Row 7' } });
  await pass(1000);
  expect(toasts().map((toast) => [titleOf(toast), descriptionOf(toast)])).toEqual([
    ['User Import failed', 'Row 7'],
  ]);
});

test('the end is shown even if it comes while the closed toast is leaving', async () => {
  await open();
  progress(20);
  await pass(400);
  await untilToasts(1);
  screen.getByRole('button', { name: 'Close toast' }).click();
  page.server.send({ type: 'operation:complete', data });
  await pass(1000);
  expect(toasts().map(titleOf)).toEqual(['User Import completed']);
});

test('a log-out takes the toasts away, and that is no closing by the user', async () => {
  const { rerender } = await open();
  progress(20);
  await pass(400);
  await untilToasts(1);
  rerender({ id: '' });
  await pass(1000);
  expect(toasts()).toEqual([]);
  rerender({ id: '42' });
  await pass();
  progress(30);
  await pass(1000);
  await untilToasts(1);
  expect(toasts().map(titleOf)).toEqual(['User Import - 30%']);
});

test('a developer without <Toaster /> is told once', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  progress(20);
  await pass(400);
  await vi.dynamicImportSettled();
  await pass(10_000);
  progress(40);
  await pass(10_000);
  expect(warned.mock.calls.flat().join('')).toContain('<Toaster />');
  expect(warned).toHaveBeenCalledTimes(1);
});

test('without sonner, the built-in toasts', async () => {
  vi.doMock('sonner', () => {
    throw new Error('not installed');
  });
  renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  progress(20);
  await pass(400);
  await vi.dynamicImportSettled();
  await pass(400);
  expect(document.querySelector('[data-trunkline-toasts]')?.textContent).toContain(
    'User Import - 20%',
  );
});

test('sonner that could not be fetched is no missing sonner', async () => {
  const failing = (error: Error) =>
    loadToastsOf(async () => {
      throw error;
    });
  const words = 'Failed to fetch dynamically imported module: /assets/sonner.js';
  await expect(failing(new TypeError(words))).rejects.toThrow(words);
  await expect(failing(new Error('Cannot find package sonner'))).resolves.toHaveProperty('show');
});

test('an adapter of your own, however many pages ask for toasts', async () => {
  const shown: ToastView[] = [];
  const toast = { show: (view: ToastView) => void shown.push(view), dismiss: () => {} };
  configureTrunkline({ toast });
  for (let i = 0; i < 3; i++) renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  progress(20);
  await pass(5000);
  expect(shown.map(({ title }) => title)).toEqual(['User Import - 20%']);
  expect(shown[0]?.id).toBe('trunkline-op:acme:op');
});

test('the newest options hold, and the end is told', async () => {
  const ended: string[] = [];
  const shown: string[] = [];
  configureTrunkline({ toast: { show: ({ title }) => void shown.push(title), dismiss: () => {} } });
  const { rerender } = renderHook(
    ({ types }) =>
      useOperationToasts('42', { types, onComplete: (operation) => ended.push(operation.id) }),
    { initialProps: { types: ['other'] } },
  );
  await pass();
  page.server.send({ type: 'operation:complete', data });
  await pass();
  expect(shown).toEqual([]);
  rerender({ types: ['user-import'] });
  page.server.send({ type: 'operation:complete', data: { ...data, operationId: 'op-2' } });
  await pass();
  expect(shown).toEqual(['User Import completed']);
  expect(ended).toEqual(['op-2']);
});

test('Cancel and Retry are buttons of sonner’s, and the toast stays', async () => {
  const server = new TestOperations(page.server);
  await open();
  server.start({ type: 'user-import', percentage: 20 });
  await pass(400);
  await untilToasts(1);
  const [toast] = toasts();
  screen.getByRole('button', { name: 'Cancel' }).click();
  await pass(500);
  expect(server.get('op-1').state).toBe('cancelling');
  expect(toasts()).toEqual([toast]);
  expect(descriptionOf(toast)).toBe('Cancelling…');
  expect(screen.queryByRole('button', { name: 'Cancel' })).toBeNull();

  server.fail('op-1', 'Row 7');
  await pass(500);
  expect(toast?.dataset['type']).toBe('error');
  screen.getByRole('button', { name: 'Retry' }).click();
  await pass(500);
  expect(toasts()).toEqual([toast]);
  expect(descriptionOf(toast)).toBe('Retrying (2): Waiting to start');
  expect(server.get('op-1').attempt).toBe(2);
});

test('an app’s own button is one of sonner’s, on the toast of the end', async () => {
  const server = new TestOperations(page.server);
  const opened: unknown[] = [];
  render(<Toaster />);
  renderHook(() =>
    useOperationToasts('42', {
      render: ({ resultRef }) => ({
        action: { label: 'Download', onClick: () => opened.push(resultRef) },
      }),
    }),
  );
  await pass();
  server.start({ type: 'data-export' });
  await pass(400);
  await untilToasts(1);
  expect(screen.queryByRole('button', { name: 'Download' })).toBeNull();
  server.succeed('op-1', { resultRef: '/files/1' });
  await pass(500);
  screen.getByRole('button', { name: 'Download' }).click();
  expect(opened).toEqual(['/files/1']);
  expect(titleOf(toasts()[0])).toBe('Data Export completed');
});

test('after a reload the bar is there, and nothing is said', async () => {
  const server = new TestOperations(page.server);
  server.start({ type: 'user-import', percentage: 20 });
  page.server.loseHistory();
  await open();
  await untilToasts(1);
  const [toast] = toasts();
  expect(within(toast).getByRole('progressbar', { name: 'User Import - 20%' })).toBeDefined();
  for (const hidden of toast?.querySelectorAll('[aria-hidden=true]') ?? []) hidden.remove();
  expect(toast?.textContent).toBe('Cancel');
});
