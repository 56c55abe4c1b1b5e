import { type OperationDefinition, operationLabel } from '@trunkline/contract';
import { InvalidOperationError } from './errors.ts';
import type { OperationHandle } from './handle.ts';

/** Does the work of an operation. */
export type Work<Input = unknown, Result = unknown> = (
  operation: OperationHandle<Input>,
) => Result | Promise<Result>;

/** What is known of a type and who does its work. */
export interface Handler {
  readonly definition: OperationDefinition;
  readonly work: Work;
}

/** Who does the work of operations that nobody waits for: later attempts, and durable ones. */
export class Handlers {
  readonly #handlers = new Map<string, Handler>();

  /** Throws for a second handler of a type. Returns how to take it away. */
  add(handler: Handler): () => void {
    const { type } = handler.definition;
    if (this.#handlers.has(type)) {
      throw new InvalidOperationError(
        `Operations of type ${type} have a handler already: a type has one place that does its work`,
      );
    }
    this.#handlers.set(type, handler);
    return () => void this.#handlers.delete(type);
  }

  get(type: string): Handler | undefined {
    return this.#handlers.get(type);
  }

  values(): Handler[] {
    return [...this.#handlers.values()];
  }
}

/** What toasts and lists call an operation of this kind. */
export function labelOf({ label, type }: OperationDefinition): string {
  return label ?? operationLabel(type);
}
