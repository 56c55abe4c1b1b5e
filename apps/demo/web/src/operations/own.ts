import { isOwnOperation } from '@trunkline/react';
import { useMemo } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useOperations } from '@/hooks/useOperations';
import { useListedOwn, useListsFollowing } from './listed.ts';
import { type OperationRow, withLive } from './rows.ts';

/** The user's own operations of some types, live; `types` must be the same array each time. */
export function useOwnOperations(types: readonly string[]): readonly OperationRow[] {
  const { user } = useAuth();
  const userId = user?.id || '';
  const { operations } = useOperations(userId, { types });
  const own = useMemo(
    () => operations.filter((operation) => isOwnOperation(operation, userId)),
    [operations, userId],
  );
  const listed = useListedOwn(types);
  useListsFollowing(listed, own);
  return useMemo(() => withLive(listed, own), [listed, own]);
}
