import type { OperationHints } from '@trunkline/operations';

/** Brings the hints of each process to all others, and notes them. */
export class HintBus {
  readonly told: string[] = [];
  readonly #listeners = new Map<OperationHints, (operationId: string) => void>();

  /** For one process. */
  hints(): OperationHints {
    const own: OperationHints = {
      tell: (operationId) => {
        this.told.push(operationId);
        for (const [each, onHint] of this.#listeners) if (each !== own) onHint(operationId);
      },
      listen: (onHint) => void this.#listeners.set(own, onHint),
    };
    return own;
  }
}
