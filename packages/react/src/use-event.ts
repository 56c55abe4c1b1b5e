import { type EventHandler, pageRegistry } from '@trunkline/client';
import { useCallback } from 'react';
import { useLastingEffect } from './use-lasting-effect.ts';
import { useLatest } from './use-latest.ts';

/**
 * Calls the newest handler with each event of this type (or pattern) that the page's connection
 * receives. It opens no connection itself: another hook with the user's id does.
 */
export function useEvent<P extends string>(type: P, handler: EventHandler<P>): void {
  const latest = useLatest(handler);
  useLastingEffect(
    useCallback(
      () => pageRegistry().handlers.subscribe(type, (event) => latest.current(event)),
      [type, latest],
    ),
  );
}
