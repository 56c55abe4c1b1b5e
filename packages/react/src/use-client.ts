import {
  type Address,
  CONNECTING,
  type ConnectionState,
  Consumer,
  IDLE,
  type Plug,
  type Settings,
  toAddress,
} from '@trunkline/client';
import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { loadToasts } from './load-toasts.ts';
import { useSettings } from './provider.tsx';
import { useLatest } from './use-latest.ts';
import { useBrowserLayoutEffect } from './use-layout-effect.ts';

/** A hook's part in the user's connection. */
export interface ClientHook {
  readonly consumer: Consumer;
  readonly state: ConnectionState;
  readonly settings: Settings;
}

/** Joins the user's connection while mounted; `plug` joins more than the events. */
export function useClient(userId: string, plug?: Plug): ClientHook {
  const settings = useSettings();
  const [consumer] = useState(() => new Consumer({ toast: loadToasts }));
  const address = useAddress(userId, settings);
  const latest = useLatest({ settings, plug });
  // in the layout phase, so that nobody hears the old user's events between commit and effects
  useBrowserLayoutEffect(
    () => consumer.attach(address, latest.current.settings, latest.current.plug),
    [consumer, address, latest],
  );
  const state = useSyncExternalStore(
    consumer.watch,
    useCallback(() => consumer.state(address), [consumer, address]),
    () => (address.userId === '' ? IDLE : CONNECTING),
  );
  return { consumer, state, settings };
}

function useAddress(given: string, settings: Settings): Address {
  const { url, userId, tenantId } = toAddress(given, settings);
  return useMemo(() => ({ url, userId, tenantId }), [url, userId, tenantId]);
}
