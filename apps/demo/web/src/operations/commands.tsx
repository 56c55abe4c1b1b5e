import { useMutation, useQueryClient } from '@tanstack/react-query';
import { isTerminal } from '@trunkline/contract';
import { RotateCcw, X } from 'lucide-react';
import { toast } from 'sonner';
import { errorMessage, post } from '@/api';
import { useAuth } from '@/context/AuthContext';
import { Button } from '../ui/button.tsx';
import { reloadLists } from './listed.ts';
import type { OperationRow } from './rows.ts';
import { subjectOf } from './words.ts';

/** What can be done about an operation, for those who may. */
export function OperationCommands({ row }: { row: OperationRow }) {
  const command = useCommand(row);
  const mayControl = useMayControl(row);
  if (!mayControl) return null;
  const { state, label, isCancellable, isRetryable } = row;
  const what = [label, subjectOf(row)].filter(Boolean).join(' of ');
  if (isTerminal(state)) {
    if (!isRetryable) return null;
    return (
      <Button
        key="retry"
        size="small"
        aria-label={`Retry: ${what}`}
        disabled={command.isPending}
        onClick={() => command.mutate('retry')}
      >
        <RotateCcw aria-hidden="true" />
        Retry
      </Button>
    );
  }
  if (!isCancellable || state === 'cancelling') return null;
  return (
    <Button
      key="cancel"
      size="small"
      aria-label={`Cancel: ${what}`}
      disabled={command.isPending}
      onClick={() => command.mutate('cancel')}
    >
      <X aria-hidden="true" />
      Cancel
    </Button>
  );
}

function useCommand({ id, label }: OperationRow) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (command: 'cancel' | 'retry') => post(`/api/operations/${id}/${command}`),
    onError: (error, command) => {
      toast.error(`${label} was not ${command === 'cancel' ? 'cancelled' : 'tried again'}`, {
        description: errorMessage(error),
      });
    },
    // also when it was refused: then it is not as it looked
    onSettled: () => reloadLists(queries),
  });
}

/** The server decides for itself; who looks in from outside is not even asked. */
function useMayControl({ ownerId }: OperationRow): boolean {
  const { user } = useAuth();
  if (!user || user.actingAs) return false;
  return ownerId === user.id || user.role === 'admin';
}
