import { cleanup, renderHook } from '@testing-library/react';
import type { TestServer } from '@trunkline/client/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useWebSocket } from '../src/index.ts';
import { endPage, pass, startPage } from './setup.ts';

let server: TestServer;
beforeEach(() => {
  server = startPage();
});
afterEach(() => {
  cleanup();
  endPage(server);
});

const useIt = ({ id }: { id: string }) => useWebSocket(id);

test('connects and says so', async () => {
  const { result } = renderHook(useIt, { initialProps: { id: '42' } });
  expect(result.current).toMatchObject({ isConnected: false, status: 'connecting' });
  await pass();
  expect(result.current).toMatchObject({
    isConnected: true,
    status: 'live',
    identity: { userId: '42', realm: { kind: 'tenant', tenantId: 'acme' } },
    reconnectAt: null,
  });
});
