import type { OperationList, OperationSnapshot } from '@trunkline/contract';

/** What stands around the operations. */
const WRAPPER_BYTES = 256;

/**
 * What of a list has no more than so many bytes as JSON: all of it, else without the results, else fewer
 * operations and where the others begin. Never none, where there are some.
 */
export function pageThatFits(list: OperationList, maxBytes: number): OperationList {
  const space = maxBytes - WRAPPER_BYTES;
  if (fitting(list.operations, space) === list.operations.length) return list;
  const lean = list.operations.map(withoutResult);
  const count = Math.max(1, fitting(lean, space));
  const operations = lean.slice(0, count);
  const last = operations.at(-1);
  const isCut = last !== undefined && count < lean.length;
  return { ...list, operations, ...(isCut ? { next: last.id } : {}) };
}

/** How many of the first ones fit. */
function fitting(operations: readonly OperationSnapshot[], maxBytes: number): number {
  let space = maxBytes;
  const end = operations.findIndex((operation) => {
    space -= Buffer.byteLength(JSON.stringify(operation)) + 1; // its comma
    return space < 0;
  });
  return end < 0 ? operations.length : end;
}

function withoutResult(operation: OperationSnapshot): OperationSnapshot {
  const { result: _, ...rest } = operation;
  return rest;
}
