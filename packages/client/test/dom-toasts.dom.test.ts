import { createDomToasts, type ToastView } from '@trunkline/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

const items = () => [...document.querySelectorAll<HTMLElement>('[data-trunkline-toasts] > li')];

function view(rest: Partial<ToastView> = {}): ToastView {
  return {
    id: 'a',
    kind: 'running',
    title: 'User Import - 30%',
    description: 'Reading',
    percentage: 30,
    announcement: 'User Import started',
    durationMs: Number.POSITIVE_INFINITY,
    onClose: () => {},
    ...rest,
  };
}

test('updates a toast in place', () => {
  const toasts = createDomToasts();
  toasts.show(view());
  const [item] = items();
  toasts.show(view({ title: 'User Import - 60%', percentage: 60 }));
  expect(items()).toEqual([item]);
  expect(item?.textContent).toContain('User Import - 60%');
  expect(item?.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')).toBe('60');
});

test('says the announcement and not the percentage', () => {
  const toasts = createDomToasts();
  toasts.show(view());
  vi.advanceTimersByTime(100);
  const [item] = items();
  for (const hidden of item?.querySelectorAll('[aria-hidden=true]') ?? []) hidden.remove();
  expect(item?.textContent).toBe('User Import started×');
  expect(item?.parentElement?.getAttribute('aria-live')).toBe('polite');
});

test('leaves by itself, without telling; leaves when dismissed, without telling', () => {
  const onClose = vi.fn<(given?: unknown) => void>();
  const toasts = createDomToasts();
  toasts.show(view({ id: 'a', durationMs: 5000, onClose }));
  toasts.show(view({ id: 'b', onClose }));
  toasts.dismiss('b');
  expect(items()).toHaveLength(1);
  vi.advanceTimersByTime(5000);
  expect(items()).toHaveLength(0);
  expect(onClose).not.toHaveBeenCalled();
});

test('tells when the user closes it', () => {
  const onClose = vi.fn<(given?: unknown) => void>();
  createDomToasts().show(view({ onClose }));
  items()[0]?.querySelector('button')?.click();
  expect(items()).toHaveLength(0);
  expect(onClose).toHaveBeenCalledTimes(1);
});

test('waits while the pointer is on it', () => {
  createDomToasts().show(view({ durationMs: 5000 }));
  const [item] = items();
  item?.dispatchEvent(new Event('pointerenter'));
  vi.advanceTimersByTime(60_000);
  expect(items()).toHaveLength(1);
  item?.dispatchEvent(new Event('pointerleave'));
  vi.advanceTimersByTime(5000);
  expect(items()).toHaveLength(0);
});

test('waits while it has the focus, also through an update', () => {
  const toasts = createDomToasts();
  toasts.show(view({ durationMs: 5000 }));
  const [item] = items();
  item?.dispatchEvent(new Event('pointerenter'));
  item?.dispatchEvent(new Event('focusin'));
  toasts.show(view({ durationMs: 5000 }));
  item?.dispatchEvent(new Event('pointerleave'));
  vi.advanceTimersByTime(60_000);
  expect(items()).toHaveLength(1);
  item?.dispatchEvent(new Event('focusout'));
  vi.advanceTimersByTime(5000);
  expect(items()).toHaveLength(0);
});

test('the button says what it closes', () => {
  const toasts = createDomToasts();
  toasts.show(view());
  toasts.show(view({ title: 'User Import completed' }));
  const label = items()[0]?.querySelector('button')?.getAttribute('aria-label');
  expect(label).toBe('Close: User Import completed');
});

const buttons = () => [...(items()[0]?.querySelectorAll('button') ?? [])];

test('an action is a button that leaves the toast, and the focus, where they are', () => {
  const onClick = vi.fn<() => void>();
  const toasts = createDomToasts();
  toasts.show(view({ action: { label: 'Cancel', onClick } }));
  const [button] = buttons();
  expect(button?.textContent).toBe('Cancel');
  expect(button?.getAttribute('aria-label')).toBe('Cancel: User Import - 30%');
  button?.focus();
  button?.click();
  expect(onClick).toHaveBeenCalledTimes(1);
  toasts.show(view({ title: 'User Import - 40%', action: { label: 'Cancel', onClick } }));
  expect(buttons()[0]).toBe(button);
  expect(document.activeElement).toBe(button);
  toasts.show(view());
  expect(buttons().map(({ textContent }) => textContent)).toEqual(['×']);
});

test('a bar has a name also where nothing is announced', () => {
  createDomToasts().show(view({ announcement: '' }));
  vi.advanceTimersByTime(100);
  const [item] = items();
  const bar = item?.querySelector('[role=progressbar]');
  expect(bar?.getAttribute('aria-label')).toBe('User Import - 30%');
  for (const hidden of item?.querySelectorAll('[aria-hidden=true]') ?? []) hidden.remove();
  expect(item?.textContent).toBe('×');
});
