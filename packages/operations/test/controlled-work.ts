import type { OperationHandle, Work } from '@trunkline/operations';

/** Work that a test holds in its hands: it begins by itself, and ends when it is told to. */
export class ControlledWork<Result = unknown> {
  readonly #begun = Promise.withResolvers<OperationHandle>();
  readonly #ending = Promise.withResolvers<Result>();

  readonly work: Work<unknown, Result> = (operation) => {
    this.#begun.resolve(operation);
    return this.#ending.promise;
  };

  /** Its handle, when it has begun. */
  get begun(): Promise<OperationHandle> {
    return this.#begun.promise;
  }

  succeed(result: Result): void {
    this.#ending.resolve(result);
  }

  fail(error: unknown): void {
    this.#ending.reject(error);
  }
}

/** Work that stops when it is told to, and only then. */
export const untilAborted: Work<unknown, never> = ({ signal }) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
