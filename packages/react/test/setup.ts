import { act, cleanup } from '@testing-library/react';
import { pageRegistry, toAddress } from '@trunkline/client';
import { TestServer } from '@trunkline/client/testing';
import { afterEach, beforeEach, vi } from 'vitest';

/** The page of a test: a server of its own and fake time. */
export interface Page {
  server: TestServer;
}

export function newPages(): Page {
  const page = {} as Page;
  beforeEach(() => {
    vi.useFakeTimers();
    page.server = new TestServer({ userId: '42' });
  });
  afterEach(() => {
    cleanup();
    // the log-out closes what lingers
    pageRegistry().enter(toAddress('', {}));
    delete (globalThis as { [key: symbol]: unknown })[Symbol.for('trunkline.client')];
    page.server.restore();
    vi.clearAllTimers();
    vi.useRealTimers();
    vi.restoreAllMocks();
    document.body.replaceChildren();
  });
  return page;
}

const STEPS = 10;

/** Lets so much time pass; React renders in between, as it would. */
export async function pass(ms = 0): Promise<void> {
  for (let step = 0; step < STEPS; step++) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(ms / STEPS);
      // the protocol's promises are many microtasks deep
      for (let i = 0; i < 50; i++) await Promise.resolve();
    });
  }
}
