import { RefreshCw } from 'lucide-react';
import { useAuth } from '@/context/AuthContext';
import { Button } from '../ui/button.tsx';
import { Logo } from './logo.tsx';

/** What is seen until the server has said who this is; usually for a moment. */
export function StartPage({ error }: { error: string | null }) {
  const { refresh } = useAuth();
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-5 p-6 text-center">
      <title>Trunkline</title>
      <Logo className={error === null ? 'size-11 animate-pulse' : 'size-11'} />
      {error === null ? (
        <p className="sr-only">Loading…</p>
      ) : (
        <div role="alert" className="flex flex-col items-center gap-4">
          <div>
            <h1 className="text-lg font-semibold">Trunkline does not answer</h1>
            <p className="mt-1 max-w-sm text-sm text-muted">{error}</p>
          </div>
          <Button onClick={() => void refresh()}>
            <RefreshCw aria-hidden="true" />
            Try again
          </Button>
        </div>
      )}
    </main>
  );
}
