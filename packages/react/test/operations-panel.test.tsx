import { fireEvent, render, screen, within } from '@testing-library/react';
import { TestOperations } from '@trunkline/client/testing';
import { CANCEL_OPERATION_CALL } from '@trunkline/contract';
import { beforeEach, expect, test } from 'vitest';
import { CallError, OperationsPanel, type OperationsPanelProps } from '../src/index.ts';
import { timeAgo } from '../src/relative-time.tsx';
import { newPages, pass } from './setup.ts';

const page = newPages();
let server: TestOperations;

beforeEach(() => {
  server = new TestOperations(page.server);
});

/** The panel of user 42, loaded. */
async function open(props: Partial<OperationsPanelProps> = {}) {
  page.server.loseHistory();
  const view = render(<OperationsPanel userId="42" {...props} />);
  await pass();
  return view;
}

const items = () => screen.queryAllByRole('listitem');
const textOf = (item: HTMLElement | undefined) => item?.textContent ?? '';

test('says that it loads, and that there is nothing', async () => {
  page.server.loseHistory();
  render(<OperationsPanel userId="42" />);
  const panel = screen.getByRole('region', { name: 'Operations' });
  expect(panel.getAttribute('aria-busy')).toBe('true');
  expect(panel.textContent).toContain('Loading…');
  await pass();
  expect(panel.getAttribute('aria-busy')).toBe('false');
  expect(panel.textContent).toContain('Nothing is running');
});

test('what runs comes first, with its progress; then what has ended, and why', async () => {
  server.start({ type: 'user-import', percentage: 45, message: 'Row 45' });
  await pass(1);
  server.fail(server.start({ type: 'data-export' }), 'The disk is full');
  await pass(60_000);
  await open();
  expect(screen.getByRole('list')).toBeDefined();
  const [running, failed] = items();
  expect(textOf(running)).toMatch(/User Import.*Running 45%.*Row 45.*1 minute ago/);
  const bar = within(running).getByRole('progressbar', { name: 'User Import' });
  expect(bar.getAttribute('aria-valuenow')).toBe('45');
  expect(textOf(failed)).toMatch(/Data Export.*Failed.*The disk is full/);
  expect(failed?.dataset['state']).toBe('failed');
  expect(within(failed).queryByRole('progressbar')).toBeNull();
});

test('an unknown progress has a bar without a value; what waits has none', async () => {
  server.start({ type: 'a' });
  await open();
  expect(screen.getByRole('progressbar').hasAttribute('aria-valuenow')).toBe(false);
  server.retry('op-1');
  await pass(300);
  expect(screen.queryByRole('progressbar')).toBeNull();
  expect(textOf(items()[0])).toContain('Retrying (2): Waiting to start');
});

test('Cancel and Retry', async () => {
  server.start({ type: 'a' });
  await open();
  fireEvent.click(screen.getByRole('button', { name: 'Cancel: A' }));
  await pass(300);
  expect(server.get('op-1').state).toBe('cancelling');
  expect(textOf(items()[0])).toContain('Cancelling…');
  expect(screen.queryByRole('button')).toBeNull();
  server.fail('op-1', 'x');
  await pass();
  fireEvent.click(screen.getByRole('button', { name: 'Retry: A' }));
  await pass(300);
  expect(server.get('op-1').attempt).toBe(2);
  expect(screen.getByRole('button', { name: 'Cancel: A' })).toBeDefined();
});

test('a refusal is said where the button is', async () => {
  page.server.calls[CANCEL_OPERATION_CALL] = () => {
    throw new CallError(409, 'It is too late');
  };
  server.start({ type: 'a' });
  await open();
  fireEvent.click(screen.getByRole('button', { name: 'Cancel: A' }));
  await pass();
  expect(screen.getByRole('alert').textContent).toBe('It is too late');
  expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Cancel: A' }).disabled).toBe(false);
});

test('the buttons are the owner’s, unless the app says otherwise', async () => {
  server.start({ type: 'a', ownerId: '7', audience: 'tenant' });
  const { rerender } = await open();
  expect(screen.queryByRole('button')).toBeNull();
  rerender(<OperationsPanel userId="42" mayControl={() => true} />);
  expect(screen.getByRole('button', { name: 'Cancel: A' })).toBeDefined();
});

test('older ones on demand', async () => {
  for (let i = 0; i < 60; i++) server.succeed(server.start({ type: 'a' }));
  await open();
  expect(items()).toHaveLength(50);
  fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
  await pass();
  expect(items()).toHaveLength(60);
  expect(screen.queryByRole('button', { name: 'Show older' })).toBeNull();
});

test('words, classes and details of the app’s own', async () => {
  server.succeed(server.start({ type: 'export' }), { result: { url: '/files/7' } });
  await open({
    className: 'panel',
    classNames: { item: 'card' },
    labels: { title: 'Vorgänge', succeeded: 'Fertig' },
    locale: 'de',
    details: ({ result }) => <a href={(result as { url: string }).url}>Herunterladen</a>,
  });
  expect(screen.getByRole('region', { name: 'Vorgänge' }).className).toBe('panel');
  const [item] = items();
  expect(item?.className).toBe('card');
  expect(item?.hasAttribute('style')).toBe(false);
  expect(textOf(item)).toMatch(/Fertig.*Herunterladen.*jetzt/);
  expect(screen.getByRole('link').getAttribute('href')).toBe('/files/7');
});

test('times move on', async () => {
  server.succeed(server.start({ type: 'a' }));
  await open({ locale: 'en' });
  expect(textOf(items()[0])).toContain('now');
  await pass(3 * 60_000);
  expect(textOf(items()[0])).toMatch(/[23] minutes ago/);
});

test.each([
  [-5000, 'now'],
  [59_000, 'now'],
  [60_000, '1 minute ago'],
  [2 * 3_600_000, '2 hours ago'],
  [24 * 3_600_000, 'yesterday'],
  [5 * 24 * 3_600_000, '5 days ago'],
])('%i ms ago is "%s"', (elapsed, words) => {
  expect(timeAgo(10 ** 12, 10 ** 12 + elapsed, 'en')).toBe(words);
});
