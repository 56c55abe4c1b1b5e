import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ApiError, isSignedOut } from '@/api';
import { useAuth } from '@/context/AuthContext';

/** One user's cache of server data: mount it anew for each user, so that nothing is carried over. */
export function UserQueries({ children }: { children: ReactNode }) {
  const { refresh } = useAuth();
  const [client] = useState(() => createQueries(refresh));
  return <QueryClientProvider client={client}>{children}</QueryClientProvider>;
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
