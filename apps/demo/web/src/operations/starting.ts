import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import type { OperationSnapshot } from '@trunkline/contract';
import { useCallback, useState } from 'react';
import { ApiError, json, requestIn } from '@/api';
import { useAuth } from '@/context/AuthContext';
import { putOperation } from './listed.ts';
import { WishKeys } from './wish-keys.ts';

/** What starts an operation. */
export interface Wish {
  /** What is wanted: the same name a moment later is the same wish. */
  name: string;
  path: `/api/${string}`;
  body: unknown;
}

/** Starts an operation where the user works now; resolves as soon as the server has stored it. */
export function useStart(): (wish: () => Promise<Wish> | Wish) => Promise<OperationSnapshot> {
  const { user } = useAuth();
  const queries = useQueryClient();
  const [keys] = useState(() => new WishKeys());
  const tenantId = user?.tenantId ?? null;
  return useCallback(
    async (wish) => start(await wish(), { keys, queries, tenantId }),
    [keys, queries, tenantId],
  );
}

interface Place {
  keys: WishKeys;
  queries: QueryClient;
  tenantId: string | null;
}

async function start(
  { name, path, body }: Wish,
  { keys, queries, tenantId }: Place,
): Promise<OperationSnapshot> {
  const init = json('POST', body);
  const headers = new Headers(init.headers);
  headers.set('Idempotency-Key', keys.keyOf(name));
  try {
    const snapshot = await requestIn<OperationSnapshot>(tenantId, path, { ...init, headers });
    keys.answered(name);
    putOperation(queries, snapshot);
    return snapshot;
  } catch (error) {
    // the server may have begun all the same: only then is the next try the same one
    if (error instanceof ApiError && error.status !== 0) keys.answered(name);
    throw error;
  }
}
