import { useMutation } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { toast } from 'sonner';
import { errorMessage, request } from '@/api';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/dialog.tsx';
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
    <Confirm
      trigger={
        <Button variant="quiet" disabled={removal.isPending} className="-mr-2 px-2">
          <Trash2 aria-hidden="true" />
          <span className="sr-only sm:not-sr-only">
            {removal.isPending ? 'Removing…' : 'Remove imported users'}
          </span>
        </Button>
      }
      title="Remove all imported users?"
      description="Every user that came from a CSV file is deleted, for everyone in your company. People who were added by hand stay."
      confirmLabel="Remove users"
      onConfirm={() => removal.mutate()}
    />
  );
}
