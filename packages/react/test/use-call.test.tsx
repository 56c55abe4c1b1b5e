import { renderHook } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { CallError, TrunklineProvider, useCall, useWebSocket } from '../src/index.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();

const useIt = ({ id }: { id: string }) => {
  useWebSocket(id);
  return useCall();
};

test('calls over the page’s connection', async () => {
  page.server.calls['chat:rename'] = ({ name }) => ({ name, isRenamed: true });
  const { result, rerender } = renderHook(useIt, { initialProps: { id: '42' } });
  const call = result.current;
  const answer = call<{ isRenamed: boolean }>('chat:rename', { name: 'Lunch' });
  await pass();
  expect(await answer).toEqual({ name: 'Lunch', isRenamed: true });
  rerender({ id: '42' });
  expect(result.current).toBe(call);
});

test('a bad argument is a typed error', async () => {
  page.server.calls['chat:rename'] = () => {
    throw new CallError(400, 'name: expected a string');
  };
  const { result } = renderHook(useIt, { initialProps: { id: '42' } });
  await pass();
  const calling = result.current('chat:rename', { name: 7 });
  await expect(calling).rejects.toMatchObject({
    name: 'CallError',
    reason: 'bad-argument',
    message: 'name: expected a string',
  });
});

test('nobody is logged in', async () => {
  const { result } = renderHook(useIt, { initialProps: { id: '' } });
  await expect(result.current('app:any')).rejects.toMatchObject({ reason: 'disconnected' });
  expect(page.server.connects).toHaveLength(0);
});

test('below a provider, the call is that tenant’s', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {}); // two users on one page
  page.server.answer = ({ data }) => ({ userId: (data as { tenantId: string }).tenantId });
  page.server.calls['app:whose'] = (_, { userId }) => userId;
  const inTenant = (tenantId: string) => ({
    initialProps: { id: tenantId },
    wrapper: ({ children }: { children: React.ReactNode }) => (
      <TrunklineProvider tenantId={tenantId}>{children}</TrunklineProvider>
    ),
  });
  const acme = renderHook(useIt, inTenant('acme'));
  const globex = renderHook(useIt, inTenant('globex'));
  await pass();
  expect(await acme.result.current('app:whose')).toBe('acme');
  expect(await globex.result.current('app:whose')).toBe('globex');
});
