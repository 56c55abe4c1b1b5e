import type { OperationToastOptions, Plug } from '@trunkline/client';
import { useCallback } from 'react';
import { useClient } from './use-client.ts';
import { useLatest } from './use-latest.ts';

const NO_OPTIONS: OperationToastOptions = {};

/** Shows the user's long-running operations as toasts. Mount it once, in the layout. */
export function useOperationToasts(
  userId: string,
  options: OperationToastOptions = NO_OPTIONS,
): { isConnected: boolean } {
  const latest = useLatest(options);
  const plug = useCallback<Plug>(({ toasts }) => toasts.mount(() => latest.current), [latest]);
  const { isConnected } = useClient(userId, plug).state;
  return { isConnected };
}
