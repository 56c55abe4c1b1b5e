/** Does something when a signal is aborted, at once when it is already; until `listening` is. */
export function onAbort(
  signal: AbortSignal | undefined,
  then: (reason: unknown) => void,
  listening: AbortSignal,
): void {
  if (signal?.aborted) then(signal.reason);
  else signal?.addEventListener('abort', () => then(signal.reason), { signal: listening });
}
