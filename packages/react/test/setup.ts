import { Registry } from '@trunkline/client';
import { type ConnectAnswer, TestServer } from '@trunkline/client/testing';
import { act } from 'react';
import { vi } from 'vitest';

const KEY = Symbol.for('trunkline.client');

/** A fresh page with its own server, on fake time. */
export function startPage(answer: TestServer['answer'] = { userId: '42' }): TestServer {
  vi.useFakeTimers();
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  (globalThis as { [KEY]?: Registry })[KEY] = new Registry();
  return new TestServer(answer);
}

/** Ends the page: whatever was still planned does not reach the next test. */
export function endPage(server: TestServer): void {
  server.restore();
  vi.clearAllTimers();
  vi.useRealTimers();
  vi.restoreAllMocks();
  document.body.replaceChildren();
}

/** Lets the network and React settle, and so much time pass. */
export async function pass(ms = 0): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(ms);
    // the protocol's promises are many microtasks deep
    for (let i = 0; i < 50; i++) await Promise.resolve();
  });
}

export const asUser = (userId: string): ConnectAnswer => ({ userId });
