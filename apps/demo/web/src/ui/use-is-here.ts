import { type RefObject, useLayoutEffect, useRef } from 'react';

/** Is the component still on the page? For what goes on when it is not. */
export function useIsHere(): RefObject<boolean> {
  const isHere = useRef(true);
  // cleaned up before anything that takes its place begins
  useLayoutEffect(() => {
    isHere.current = true;
    return () => {
      isHere.current = false;
    };
  }, []);
  return isHere;
}
