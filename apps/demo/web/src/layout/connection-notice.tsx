import { WifiOff } from 'lucide-react';
import { useEffect } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useWebSocket } from '@/hooks/useWebSocket';
import { Button } from '../ui/button.tsx';
import { useNow } from '../ui/use-now.ts';

/** Says that the page is not live, once it really is not, and offers to try again now. */
export function ConnectionNotice({ userId }: { userId: string }) {
  const { refresh } = useAuth();
  const { isConnected, status, reconnectAt, reconnect } = useWebSocket(userId);
  const isRefused = status === 'auth-failed' || status === 'identity-mismatch';

  useEffect(() => {
    // the session may have ended, or belong to someone else by now
    if (isRefused) void refresh();
  }, [isRefused, refresh]);

  // connecting with an appointment: the first attempt has failed
  const isWaiting = status === 'reconnecting' || (status === 'connecting' && reconnectAt !== null);
  if (isConnected || !(isWaiting || status === 'offline')) return null;
  return (
    <div className="animate-appear border-b border-warning/25 bg-warning-soft text-sm text-warning">
      <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2 sm:px-6">
        <WifiOff className="size-4 shrink-0" aria-hidden="true" />
        <p role="status" className="min-w-0 flex-1">
          <span className="font-medium">
            {status === 'offline' ? 'You are offline.' : 'The live connection is interrupted.'}
          </span>{' '}
          <span className="max-sm:sr-only">
            What you see may be out of date; it catches up by itself.
          </span>
          {reconnectAt === null ? null : <Countdown key={reconnectAt} to={reconnectAt} />}
        </p>
        <Button size="small" onClick={reconnect}>
          Reconnect now
        </Button>
      </div>
    </div>
  );
}

/** Not for screen readers: it would speak every second. */
function Countdown({ to }: { to: number }) {
  const seconds = Math.max(0, Math.ceil((to - useNow(250)) / 1000));
  return (
    <span className="tabular-nums" aria-hidden="true">
      {' '}
      {seconds === 0 ? 'Trying now…' : `Next attempt in ${seconds} s.`}
    </span>
  );
}
