import { useEffect, useLayoutEffect } from 'react';

/** `useLayoutEffect` in a browser; on a server, where it would warn, the effect that never runs. */
export const useBrowserLayoutEffect: typeof useLayoutEffect =
  typeof window === 'undefined' ? useEffect : useLayoutEffect;
