import { type Call, CallError, pageRegistry, type Settings } from '@trunkline/client';
import { type RefObject, useCallback } from 'react';
import { useSettings } from './provider.tsx';
import { useLatest } from './use-latest.ts';

/**
 * `call(method, data)`: calls one of the server's methods over the page's connection and resolves to
 * its answer; rejects with a `CallError`. The same function for as long as mounted.
 */
export function useCall(): Call {
  const latest = useLatest(useSettings());
  return useCallback<Call>((method, data) => callOver(latest, method, data), [latest]);
}

/** With the connection of that moment. */
async function callOver<T>(latest: RefObject<Settings>, method: string, data: unknown): Promise<T> {
  const client = pageRegistry().find(latest.current);
  if (!client) throw new CallError(3, 'Not connected: nobody is logged in.');
  return await client.call<T>(method, data);
}
