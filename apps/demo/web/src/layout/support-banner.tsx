import { Eye } from 'lucide-react';
import { useEffect } from 'react';
import { toast } from 'sonner';
import { errorMessage } from '@/api';
import { type AuthUser, type SupportView, useAuth } from '@/context/AuthContext';
import { navigate } from '../router.tsx';
import { tenantOf } from '../tenants.ts';
import { Button } from '../ui/button.tsx';
import { useNow } from '../ui/use-now.ts';

interface SupportBannerProps {
  user: AuthUser;
  view: SupportView;
}

/** Staff inside a tenant are told so for as long as they are, and by the way how to get out. */
export function SupportBanner({ user, view }: SupportBannerProps) {
  const { leaveSupportView } = useAuth();
  const { name } = tenantOf(user);
  const leave = () => {
    const left = leaveSupportView();
    navigate('/platform', { replace: true });
    left.catch((error: unknown) => {
      toast.error(`The server still counts you as being in ${name}`, {
        description: errorMessage(error),
      });
    });
  };
  return (
    <section
      aria-label="Support view"
      className="border-b border-warning/30 bg-warning-soft text-sm text-warning"
    >
      <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2 sm:px-6">
        <Eye className="size-4 shrink-0" aria-hidden="true" />
        <p className="min-w-0 flex-1 wrap-anywhere">
          <span className="font-medium">You see {name} as its own people do.</span>{' '}
          <span className="max-sm:hidden">Reason: {view.reason}. </span>
          <TimeLeft expiresAt={Date.parse(view.expiresAt)} />
        </p>
        <Button size="small" onClick={leave}>
          Leave
        </Button>
      </div>
    </section>
  );
}

/** Asks the server who this is once the time is up: not a member of this tenant any more. */
function TimeLeft({ expiresAt }: { expiresAt: number }) {
  const { refresh } = useAuth();
  const left = expiresAt - useNow(1000);
  const isOver = left <= 0;
  useEffect(() => {
    if (isOver) void refresh();
  }, [isOver, refresh]);
  return <span className="tabular-nums">{timeLeft(left)}</span>;
}

function timeLeft(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds <= 90) return `${seconds} s left.`;
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90 ? `${minutes} min left.` : `${Math.round(minutes / 60)} h left.`;
}
