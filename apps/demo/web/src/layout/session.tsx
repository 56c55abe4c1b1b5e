import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { TrunklineProvider } from '@trunkline/react';
import { type ReactNode, useLayoutEffect, useState } from 'react';
import { ApiError, isSignedOut } from '@/api';
import { type AuthUser, useAuth } from '@/context/AuthContext';

declare module '@tanstack/react-query' {
  interface Register {
    queryMeta: {
      /** Events keep it up to date: when some were missed, it is loaded again. */
      isLive?: boolean;
    };
  }
}

/**
 * The live connection and the cache of server data, both of one user in one tenant: after a switch
 * nothing is carried over, and what is answered then is told to nobody.
 */
export function Session({ children }: { children: ReactNode }) {
  const { user } = useAuth();
  const queries = useQueriesOf(sessionKey(user));
  return (
    <TrunklineProvider
      tenantId={user?.tenantId ?? undefined}
      onGap={() => void reloadLive(queries)}
    >
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
    </TrunklineProvider>
  );
}

/** The same for as long as the same user works in the same tenant. */
export function sessionKey(user: AuthUser | null): string {
  return JSON.stringify([user?.id ?? null, user?.tenantId ?? null]);
}

/** Loads everything again that events keep up to date. */
export async function reloadLive(queries: QueryClient): Promise<void> {
  await queries.invalidateQueries({ predicate: ({ meta }) => meta?.isLive === true });
}

function useQueriesOf(session: string): QueryClient {
  const { refresh } = useAuth();
  const [held, setHeld] = useState(() => ({ session, queries: createQueries(refresh) }));
  useSilentEnd(held.queries);
  if (held.session === session) return held.queries;
  const next = { session, queries: createQueries(refresh) };
  setHeld(next);
  return next.queries;
}

/** React Query calls back for pages that are gone, too: they have toasts to show, and places to go to. */
function useSilentEnd(queries: QueryClient): void {
  useLayoutEffect(() => {
    const mutations = queries.getMutationCache();
    mutations.config = {};
    return () => {
      // it waits for these first
      mutations.config = { onSuccess: never, onError: never };
    };
  }, [queries]);
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function createQueries(onSignedOut: () => Promise<void>): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (isSignedOut(error)) void onSignedOut();
      },
    }),
    defaultOptions: { queries: { retry: isWorthRetrying, refetchOnWindowFocus: false } },
  });
}

/** What the server refuses once it refuses again. */
function isWorthRetrying(failures: number, error: Error): boolean {
  const isRefusal = error instanceof ApiError && error.status >= 400 && error.status < 500;
  return !isRefusal && failures < 2;
}
