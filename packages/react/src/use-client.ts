import {
  type Address,
  addressKey,
  CONNECTING,
  type ConnectionState,
  Consumer,
  IDLE,
  type Plug,
  type Settings,
  toAddress,
} from '@trunkline/client';
import { type RefObject, useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { loadToasts } from './load-toasts.ts';
import { useSettings } from './provider.tsx';
import { useLastingEffect } from './use-lasting-effect.ts';
import { useLatest } from './use-latest.ts';
import { useBrowserLayoutEffect } from './use-layout-effect.ts';

/** A hook's part in the user's connection. */
export interface ClientHook {
  readonly consumer: Consumer;
  readonly address: Address;
  readonly state: ConnectionState;
  readonly settings: Settings;
}

interface Said {
  readonly settings: Settings;
  readonly plug: Plug | undefined;
}

/** Joins the user's connection while mounted; `plug` joins more than the events. */
export function useClient(userId: string, plug?: Plug): ClientHook {
  const settings = useSettings();
  const [consumer] = useState(() => new Consumer({ toast: loadToasts }));
  const address = useAddress(userId, settings);
  const latest = useLatest({ settings, plug });
  // in the layout phase, so that nobody hears the old user's events between commit and effects
  const join = useCallback(() => attach(consumer, address, latest), [consumer, address, latest]);
  useLastingEffect(join, addressKey(address));
  useBrowserLayoutEffect(() => consumer.configure(settings));
  const state = useSyncExternalStore(
    consumer.watch,
    useCallback(() => consumer.state(address), [consumer, address]),
    () => (address.userId === '' ? IDLE : CONNECTING),
  );
  return { consumer, address, state, settings };
}

/** With what is said at that moment. */
function attach(consumer: Consumer, address: Address, latest: RefObject<Said>): () => void {
  const { settings, plug } = latest.current;
  return consumer.attach(address, settings, plug);
}

function useAddress(given: string, settings: Settings): Address {
  const { url, userId, tenantId } = toAddress(given, settings);
  return useMemo(() => ({ url, userId, tenantId }), [url, userId, tenantId]);
}
