// @vitest-environment node
import { renderToString } from 'react-dom/server';
import { expect, test, vi } from 'vitest';
import { OperationsPanel } from '../src/index.ts';
import { EveryHook } from './every-hook.tsx';

test('renders on a server, where there is no window, without a connection', () => {
  const errors = vi.spyOn(console, 'error');
  const WebSocket = vi.spyOn(globalThis, 'WebSocket');
  expect(typeof window).toBe('undefined');
  const html = renderToString(<EveryHook />);
  expect(html.replaceAll(/<.*?>/g, '')).toBe('false connecting Not connected idle 0 false 0');
  expect(WebSocket).not.toHaveBeenCalled();
  expect(errors).not.toHaveBeenCalled();
});

test('a panel renders on a server as one that loads', () => {
  const html = renderToString(<OperationsPanel userId="42" />);
  expect(html.replaceAll(/<.*?>/g, '')).toBe('OperationsLoading…');
});
