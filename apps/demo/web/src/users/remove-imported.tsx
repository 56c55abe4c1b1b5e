import { useMutation } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { AlertDialog } from 'radix-ui';
import { toast } from 'sonner';
import { errorMessage, request } from '@/api';
import { Button } from '../ui/button.tsx';
import { countOf } from '../ui/numbers.ts';

/** Removes the users that imports have brought, after a question. */
export function RemoveImported() {
  const removal = useMutation({
    mutationFn: () => request<{ deleted: number }>('/api/users/imported', { method: 'DELETE' }),
    onSuccess: ({ deleted }) => {
      // the server signals it as well; this refreshes the table also while there is no connection
      window.dispatchEvent(new CustomEvent('table-refresh:users'));
      if (deleted === 0) toast.info('There were no imported users');
      else toast.success(`${countOf(deleted, 'imported user')} removed`);
    },
    onError: (error) => {
      toast.error('The imported users are still there', { description: errorMessage(error) });
    },
  });

  return (
    <AlertDialog.Root>
      <AlertDialog.Trigger asChild>
        <Button variant="quiet" disabled={removal.isPending} className="-mr-2 px-2">
          <Trash2 aria-hidden="true" />
          <span className="sr-only sm:not-sr-only">
            {removal.isPending ? 'Removing…' : 'Remove imported users'}
          </span>
        </Button>
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="fixed inset-0 z-40 bg-black/40 backdrop-blur-[2px]" />
        <AlertDialog.Content className="fixed top-1/2 left-1/2 z-50 w-[calc(100vw-2rem)] max-w-md -translate-1/2 animate-appear rounded-2xl border border-line bg-surface p-6 shadow-overlay">
          <AlertDialog.Title className="font-semibold tracking-tight">
            Remove all imported users?
          </AlertDialog.Title>
          <AlertDialog.Description className="mt-2 text-sm text-pretty text-muted">
            Every user that came from a CSV file is deleted, for everyone in your company. People
            who were added by hand stay.
          </AlertDialog.Description>
          <div className="mt-6 flex flex-wrap justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>Cancel</Button>
            </AlertDialog.Cancel>
            <AlertDialog.Action asChild>
              <Button variant="danger" onClick={() => removal.mutate()}>
                Remove users
              </Button>
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
