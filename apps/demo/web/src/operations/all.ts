import { isTerminal, type OperationSnapshot } from '@trunkline/contract';
import { useMemo } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useOperations } from '@/hooks/useOperations';
import { type ListFilter, useListedActive, useListedEnded, useListsFollowing } from './listed.ts';
import { type OperationRow, withLive } from './rows.ts';

const NONE: readonly OperationSnapshot[] = [];

/** All operations that the user may see, as the filter lets them through: listed, and live from then on. */
export function useAllOperations(filter: ListFilter) {
  const { user } = useAuth();
  const live = useOperations(user?.id || '');
  const active = useListedActive(filter);
  const ended = useListedEnded(filter);

  const listed = useMemo(
    () => [
      ...(active.data?.operations ?? NONE),
      ...(ended.data?.pages.flatMap(({ operations }) => operations) ?? NONE),
    ],
    [active.data, ended.data],
  );
  useListsFollowing(listed, live.operations);

  const oldest = ended.hasNextPage ? ended.data?.pages.at(-1)?.next : '';
  const rows = useMemo(
    () => withLive(listed, live.operations).filter((row) => isShown(row, filter, oldest ?? '')),
    [listed, live.operations, filter, oldest],
  );
  return {
    running: rows.filter(({ state }) => !isTerminal(state)),
    ended: rows.filter(({ state }) => isTerminal(state)),
    isLoading: active.isLoading || ended.isLoading,
    error: active.error ?? ended.error,
    reload: () => Promise.all([active.refetch(), ended.refetch()]),
    hasOlder: ended.hasNextPage,
    isLoadingOlder: ended.isFetchingNextPage,
    loadOlder: () => ended.fetchNextPage(),
  };
}

/** Of what has ended, the page knows older ones than it shows: they come with the others of their age. */
function isShown({ id, type, state }: OperationRow, filter: ListFilter, oldest: string): boolean {
  if (filter.type !== '' && type !== filter.type) return false;
  if (isTerminal(state)) return id >= oldest && (filter.state === '' || filter.state === state);
  return filter.state === '' || filter.state === 'active';
}
