import { isTerminal } from '@trunkline/contract';
import type { OperationMessage } from './events.ts';

/**
 * How processes with one database tell each other where to look, so that they need not wait for their next
 * look by themselves. A hint may get lost or come twice: what the database says is what counts.
 */
export interface OperationHints {
  /** Tells the other processes that something has become of an operation. Must not throw and must not wait. */
  tell(operationId: string): void;
  /** Calls back with what other processes tell. */
  listen(onHint: (operationId: string) => void): void;
}

/** Is this what somebody in another process may wait for: that it is to stop, or has ended? */
export function isAwaited({ event }: OperationMessage): boolean {
  const { state } = event.data;
  return state !== undefined && (state === 'cancelling' || isTerminal(state));
}
