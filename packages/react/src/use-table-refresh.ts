import {
  type Plug,
  type RefreshCallback,
  TableRefresher,
  type TableRefreshOptions,
} from '@trunkline/client';
import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { useClient } from './use-client.ts';
import { useLastingEffect } from './use-lasting-effect.ts';
import { useBrowserLayoutEffect } from './use-layout-effect.ts';

/** What `useTableRefresh` returns. */
export interface UseTableRefreshResult {
  /** How many signals a pause, or a hidden page, holds back. */
  readonly pending: number;
  /** Refreshes now, whatever holds it back. */
  readonly refreshNow: () => void;
}

const NO_OPTIONS: TableRefreshOptions = {};

/**
 * Calls back when a table's rows have changed: an operation named it, the server said so, the app
 * dispatched `table-refresh:{table}` on the window, or events were missed. Not on mount.
 */
export function useTableRefresh(
  userId: string,
  table: string | readonly string[],
  callback: RefreshCallback,
  options: TableRefreshOptions = NO_OPTIONS,
): UseTableRefreshResult {
  const [refresher] = useState(() => new TableRefresher({ callback }));
  const names = JSON.stringify(typeof table === 'string' ? [table] : table);
  useLastingEffect(useCallback(() => refresher.listen(JSON.parse(names)), [refresher, names]));
  const plug = useCallback<Plug>(({ refreshes }) => refreshes.mount(refresher), [refresher]);
  const { settings } = useClient(userId, plug);
  useBrowserLayoutEffect(() => {
    refresher.configure({ ...options, callback, onError: settings.onError });
  });
  const pending = useSyncExternalStore(refresher.pending.subscribe, refresher.pending.get, () => 0);
  return useMemo(() => ({ pending, refreshNow: refresher.refreshNow }), [pending, refresher]);
}
