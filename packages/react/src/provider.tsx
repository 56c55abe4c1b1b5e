import { mergeSettings, pageRegistry, type Settings } from '@trunkline/client';
import { createContext, type ReactElement, type ReactNode, useContext, useMemo } from 'react';
import { useLatest } from './use-latest.ts';

/** Settings for the hooks below, over those of `configureTrunkline`. */
export interface TrunklineProviderProps extends Settings {
  readonly children?: ReactNode;
}

const SettingsContext = createContext<Settings>({});

/** Optional: how the hooks below it connect. Inline functions are fine: the newest one is called. */
export function TrunklineProvider(props: TrunklineProviderProps): ReactElement {
  const { children, url, httpFallback, tenantId, toast } = props;
  const latest = useLatest(props);
  // what this provider does not say, the page says, or nobody
  const hasToken = props.getToken !== undefined;
  const hasOnError = props.onError !== undefined;
  const hasOnGap = props.onGap !== undefined;
  const settings = useMemo<Settings>(
    () => ({
      url,
      httpFallback,
      tenantId,
      toast,
      getToken: hasToken ? () => latest.current.getToken?.() ?? null : undefined,
      onError: hasOnError ? (error) => latest.current.onError?.(error) : undefined,
      onGap: hasOnGap ? (gap) => latest.current.onGap?.(gap) : undefined,
    }),
    [url, httpFallback, tenantId, toast, hasToken, hasOnError, hasOnGap, latest],
  );
  return <SettingsContext.Provider value={settings}>{children}</SettingsContext.Provider>;
}

/** The settings that hold here: the provider's, else the page's. */
export function useSettings(): Settings {
  const own = useContext(SettingsContext);
  return mergeSettings(pageRegistry().settings, own);
}
