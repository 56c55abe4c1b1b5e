import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { toast } from 'sonner';
import type { AuthUser } from '@/context/AuthContext';
import { useWebSocket } from '@/hooks/useWebSocket';
import { ChatDeskProvider } from '../chat/chat-desk.tsx';
import { useStageMemory } from '../operations/stage-memory.ts';
import { ConnectionNotice } from './connection-notice.tsx';
import { Header } from './header.tsx';
import { useNotices } from './notices.ts';
import { Pages } from './pages.tsx';
import { reloadLive } from './session.tsx';
import { SupportBanner } from './support-banner.tsx';

/** Everything that one user sees in one tenant: mount it anew for another. */
export function Workplace({ user }: { user: AuthUser }) {
  useCatchUp(user.id);
  useNotices(user);
  useOwnToasts();
  useStageMemory();
  return (
    <ChatDeskProvider user={user}>
      {/* a page that fills the window scrolls inside of itself */}
      <div className="flex min-h-dvh flex-col has-[[data-fills-window]]:h-dvh">
        <a
          href="#main"
          className="sr-only focus-visible:not-sr-only focus-visible:fixed focus-visible:top-3 focus-visible:left-3 focus-visible:z-50 focus-visible:rounded-lg focus-visible:bg-surface focus-visible:px-4 focus-visible:py-2 focus-visible:text-sm focus-visible:font-medium focus-visible:shadow-overlay"
        >
          Skip to the page
        </a>
        <Header user={user} />
        {user.actingAs ? <SupportBanner user={user} view={user.actingAs} /> : null}
        <ConnectionNotice userId={user.id} />
        <Pages user={user} />
      </div>
    </ChatDeskProvider>
  );
}

/** The pages' own toasts leave with their user; those of operations do so by themselves. */
function useOwnToasts(): void {
  useEffect(() => () => void toast.dismiss(), []);
}

/** What a page loaded before the connection was up may have missed an event since. */
function useCatchUp(userId: string): void {
  const queries = useQueryClient();
  const { status } = useWebSocket(userId);
  const isUpToDate = useRef(status === 'live');
  useEffect(() => {
    if (status !== 'live' || isUpToDate.current) return;
    isUpToDate.current = true;
    void reloadLive(queries);
  }, [status, queries]);
}
