import { AsyncLocalStorage } from 'node:async_hooks';
import { InvalidOperationError } from './errors.ts';
import type { OperationHandle } from './handle.ts';

// A free function needs one place that is the same for all of them.
const storage = new AsyncLocalStorage<OperationHandle | undefined>();

/**
 * The operation that this code is the work of. Throws `InvalidOperationError` outside any: in a timer or an
 * event emitter that was set up elsewhere, or in a method that was called without its decorator.
 */
export function currentOperation(): OperationHandle {
  const operation = storage.getStore();
  if (operation) return operation;
  throw new InvalidOperationError(
    'currentOperation() was called outside any operation: call the method that has @Operation, or write operations.run(type, options, (op) => …)',
  );
}

/** Runs a function, and everything that it awaits, as the work of an operation. */
export function runInOperation<T>(operation: OperationHandle | undefined, fn: () => T): T {
  return storage.run(operation, fn);
}
