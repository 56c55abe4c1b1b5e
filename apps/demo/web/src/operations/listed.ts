import {
  type QueryClient,
  useInfiniteQuery,
  useQueries,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import type { OperationList, OperationSnapshot, OperationState } from '@trunkline/contract';
import type { Operation } from '@trunkline/react';
import { useEffect } from 'react';
import { request } from '@/api';
import { unlistedSteps } from './rows.ts';

const KEY = ['operations'] as const;
const ownKey = (type: string) => [...KEY, 'own', type];

/** The newest of the user's own, of some types; the server knows more of them than events say. */
export function useListedOwn(types: readonly string[]): readonly OperationSnapshot[] {
  return useQueries({
    queries: types.map((type) => ({
      queryKey: ownKey(type),
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        load({ type, owner: 'me', limit: '20' }, signal),
      meta: { isLive: true },
    })),
    combine: allOf,
  });
}

function allOf(results: readonly { data?: OperationList | undefined }[]): OperationSnapshot[] {
  return results.flatMap(({ data }) => data?.operations ?? []);
}

/** What has just been started: its list need not be loaded for it. */
export function putOperation(queries: QueryClient, snapshot: OperationSnapshot): void {
  queries.setQueryData<OperationList>(ownKey(snapshot.type), (list) =>
    list && list.operations.every(({ id }) => id !== snapshot.id)
      ? { ...list, operations: [snapshot, ...list.operations] }
      : list,
  );
}

/** Which operations are listed; empty: all of them. */
export interface ListFilter {
  readonly type: string;
  readonly state: '' | 'active' | OperationState;
}

/** All that have not ended, as far as the filter lets them through. */
export function useListedActive({ type, state }: ListFilter) {
  return useQuery({
    queryKey: [...KEY, 'active', type],
    queryFn: ({ signal }) => load({ type, state: 'active', limit: '200' }, signal),
    enabled: state === '' || state === 'active',
    meta: { isLive: true },
  });
}

/** Those that have ended, the newest first, some at a time. */
export function useListedEnded({ type, state }: ListFilter) {
  return useInfiniteQuery({
    queryKey: [...KEY, 'ended', type, state],
    queryFn: ({ signal, pageParam: before }) =>
      load({ type, state: state === '' ? 'ended' : state, before, limit: '25' }, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    enabled: state !== 'active',
    meta: { isLive: true },
  });
}

const SOON_MS = 300;

/** Loads the lists again when something is heard of what they do not have; of many things at once, once. */
export function useListsFollowing(
  listed: readonly OperationSnapshot[],
  live: readonly Operation[],
): void {
  const queries = useQueryClient();
  const missing = unlistedSteps(listed, live);
  useEffect(() => {
    if (missing === '') return undefined;
    const timer = setTimeout(() => void reloadLists(queries), SOON_MS);
    return () => clearTimeout(timer);
  }, [missing, queries]);
}

/** Loads the lists again. */
export async function reloadLists(queries: QueryClient): Promise<void> {
  await queries.invalidateQueries({ queryKey: KEY });
}

/** What is empty asks for nothing. */
async function load(
  filter: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<OperationList> {
  const wanted = Object.entries(filter).filter(([, value]) => value !== '');
  return await request<OperationList>(`/api/operations?${new URLSearchParams(wanted)}`, { signal });
}
