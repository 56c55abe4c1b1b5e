import { type Lease, Registry, type Settings, toAddress } from '@trunkline/client';
import { TestServer } from '@trunkline/client/testing';
import { afterEach, beforeEach, vi } from 'vitest';

/** A page's registry and its server, new for each test and on fake time. */
export interface Page {
  server: TestServer;
  registry: Registry;
  leases: Lease[];
}

export function newPages(): Page {
  const page = {} as Page;
  beforeEach(() => {
    vi.useFakeTimers();
    page.server = new TestServer({ userId: '42' });
    page.registry = new Registry();
    page.leases = [];
  });
  afterEach(() => {
    for (const lease of page.leases) lease.release();
    page.registry.enter(toAddress('', {}));
    page.server.restore();
    vi.clearAllTimers();
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  return page;
}

const URL = 'ws://test/connection/websocket';

export function connectAs(page: Page, userId: string, settings: Settings = {}): Lease {
  const all = { url: URL, ...settings };
  const lease = page.registry.acquire(toAddress(userId, all), all);
  page.leases.push(lease);
  return lease;
}

/** Lets so much time pass, and the protocol's promises settle. */
export async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
