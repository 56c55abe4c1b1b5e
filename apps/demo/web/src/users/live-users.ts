import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { USERS_KEY, type UserRow, type UsersAnswer, type UsersView, viewKey } from './users.ts';

/** What the last live refresh has changed. */
export interface Refreshed {
  /** Milliseconds since 1970. */
  at: number;
  /** Rows that are new or different; empty again a moment later. */
  freshIds: ReadonlySet<string>;
}

const FRESH_MS = 2600;
const NONE: ReadonlySet<string> = new Set();

/** Reloads the users on a signal and remembers what that has changed on this page. */
export function useLiveUsers(view: UsersView) {
  const queries = useQueryClient();
  const [refreshed, setRefreshed] = useState<Refreshed | null>(null);

  const refreshUserTable = useCallback(async () => {
    const key = viewKey(view);
    const before = queries.getQueryState<UsersAnswer>(key);
    await queries.invalidateQueries({ queryKey: USERS_KEY });
    const after = queries.getQueryState<UsersAnswer>(key);
    if (!after?.data || after.dataUpdatedAt === before?.dataUpdatedAt) return;
    const freshIds = before?.data ? differentIds(before.data.users, after.data.users) : NONE;
    setRefreshed({ at: after.dataUpdatedAt, freshIds });
  }, [queries, view]);

  const hasFresh = refreshed !== null && refreshed.freshIds.size > 0;
  const freshSince = hasFresh ? refreshed.at : null;
  useEffect(() => {
    if (freshSince === null) return undefined;
    const timer = setTimeout(() => setRefreshed({ at: freshSince, freshIds: NONE }), FRESH_MS);
    return () => clearTimeout(timer);
  }, [freshSince]);

  return {
    refreshUserTable,
    refreshedAt: refreshed?.at ?? null,
    freshIds: refreshed?.freshIds ?? NONE,
  };
}

// React Query keeps the objects of rows that are the same
function differentIds(before: UserRow[], after: UserRow[]): ReadonlySet<string> {
  const known = new Set(before);
  return new Set(after.filter((row) => !known.has(row)).map(({ id }) => id));
}
