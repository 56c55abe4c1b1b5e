import type { ReactElement } from 'react';
import {
  ConnectionStatus,
  useCall,
  useEvent,
  useOperations,
  useOperationToasts,
  usePresence,
  useRoom,
  useTableRefresh,
  useTyping,
  useWebSocket,
} from '../src/index.ts';

/** Every hook and what it says. */
export function EveryHook(): ReactElement {
  const { isConnected, status } = useWebSocket('42');
  useOperationToasts('42');
  useOperations('42');
  useTableRefresh('42', 'users', () => {});
  useEvent('a:1', () => {});
  useCall();
  const room = useRoom('chat:42');
  const { total, isLoaded } = usePresence('chat:42');
  const { typingUsers } = useTyping('chat:42');
  return (
    <p>
      {String(isConnected)} {status} <ConnectionStatus /> {room.status} {total} {String(isLoaded)}{' '}
      {typingUsers.length}
    </p>
  );
}
