let lastTimestamp = 0;

/** An id as the guide makes them, `user-import-1672531200000`, and never the same one twice. */
export function newOperationId(operationType: string): string {
  lastTimestamp = Math.max(Date.now(), lastTimestamp + 1);
  return `${operationType}-${lastTimestamp}`;
}
