import type { ReactElement } from 'react';
import {
  ConnectionStatus,
  useEvent,
  useOperationToasts,
  useTableRefresh,
  useWebSocket,
} from '../src/index.ts';

/** Every hook and what it says. */
export function EveryHook(): ReactElement {
  const { isConnected, status } = useWebSocket('42');
  useOperationToasts('42');
  useTableRefresh('42', 'users', () => {});
  useEvent('a:1', () => {});
  return (
    <p>
      {String(isConnected)} {status} <ConnectionStatus />
    </p>
  );
}
