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
  const { children, url, tenantId, toast } = props;
  const latest = useLatest(props);
  const hasToken = props.getToken !== undefined;
  const settings = useMemo<Settings>(
    () => ({
      url,
      tenantId,
      toast,
      getToken: hasToken ? () => latest.current.getToken?.() ?? null : undefined,
      onError: (error) => (latest.current.onError ?? reportToPage)(error),
      onGap: (gap) => (latest.current.onGap ?? pageRegistry().settings.onGap)?.(gap),
    }),
    [url, tenantId, toast, hasToken, latest],
  );
  return <SettingsContext.Provider value={settings}>{children}</SettingsContext.Provider>;
}

/** The settings that hold here: the provider's, else the page's. */
export function useSettings(): Settings {
  const own = useContext(SettingsContext);
  return mergeSettings(pageRegistry().settings, own);
}

function reportToPage(error: unknown): void {
  const { onError } = pageRegistry().settings;
  if (onError) onError(error);
  else console.error('[trunkline]', error);
}
