import { type RefObject, useRef } from 'react';
import { useBrowserLayoutEffect } from './use-layout-effect.ts';

/** A ref to the value of the last committed render. */
export function useLatest<T>(value: T): RefObject<T> {
  const ref = useRef(value);
  useBrowserLayoutEffect(() => {
    ref.current = value;
  });
  return ref;
}
