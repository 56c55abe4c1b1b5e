import { type RefObject, useInsertionEffect, useRef } from 'react';

/** A ref to the value of the last committed render. */
export function useLatest<T>(value: T): RefObject<T> {
  const ref = useRef(value);
  // before every layout effect: children connect in theirs, with what their provider says now
  useInsertionEffect(() => {
    ref.current = value;
  });
  return ref;
}
