import type { ConnectionState, Subscribe } from '@trunkline/client';
import { useMemo } from 'react';
import { useClient } from './use-client.ts';

/** What `useWebSocket` returns. */
export interface UseWebSocketResult extends ConnectionState {
  /** Registers a handler and returns how to remove it; the same function for as long as mounted. */
  readonly subscribe: Subscribe;
  /** Tries again now. */
  readonly reconnect: () => void;
}

/**
 * The user's connection: one per page, however many components ask for it; none for `''`.
 * The id is a check, not a proof: who this is, the server decides.
 */
export function useWebSocket(userId: string): UseWebSocketResult {
  const { consumer, state } = useClient(userId);
  return useMemo(
    () => ({ ...state, subscribe: consumer.subscribe, reconnect: consumer.reconnect }),
    [state, consumer],
  );
}
