import type { ReceivedEvent } from '@trunkline/contract';
import { useEffect } from 'react';
import { type ExternalToast, toast } from 'sonner';
import type { AuthUser } from '@/context/AuthContext';
import { useWebSocket } from '@/hooks/useWebSocket';
import { tenantOf } from '../tenants.ts';
import { formatClock } from '../ui/times.ts';

declare module '@trunkline/contract' {
  interface Events {
    'tenant:announcement': { message: string };
    'tenant:admin:notification': { message: string };
    'platform:alert': { severity: 'info' | 'high'; message: string };
    'platform:notification': { message: string };
  }
}

const READING_MS = 15_000;

/** Shows what is said to everyone here, or to the admins: who receives the event sees it. */
export function useNotices(user: AuthUser): void {
  const { subscribe } = useWebSocket(user.id);
  const { name } = tenantOf(user);

  useEffect(() => {
    const stops = [
      subscribe('tenant:announcement', (event) => {
        toast.info(`Announcement to ${name}`, notice(event));
      }),
      subscribe('tenant:admin:notification', (event) => {
        toast.info(`For the admins of ${name}`, notice(event));
      }),
      subscribe('platform:notification', (event) => {
        toast.info('For the platform’s admins', notice(event));
      }),
      subscribe('platform:alert', (event) => {
        const isHigh = event.data.severity === 'high';
        // an alert stays until somebody has taken notice
        if (isHigh) toast.error('Platform alert', { ...notice(event), duration: Infinity });
        else toast.info('Platform alert', notice(event));
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [subscribe, name]);
}

interface Said extends Pick<ReceivedEvent, 'id' | 'ts' | 'replayed'> {
  data: { message: string };
}

function notice({ id, ts, replayed, data }: Said): ExternalToast {
  // one that was missed says when it was
  const description = replayed ? `${data.message} (${formatClock(ts)})` : data.message;
  return { id, description, duration: READING_MS };
}
