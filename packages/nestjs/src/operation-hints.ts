import type { OperationHints } from '@trunkline/operations';
import type { Node } from '@trunkline/server';
import { runInContext } from './context.ts';

const KIND = 'operation';
const ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** Lets the processes whose nodes share a broker tell each other what has become of operations. */
export function operationHints({ cluster }: Node): OperationHints {
  return {
    // One that gets lost is found in the database, a second later: that is no failure of anybody.
    tell: (operationId) => void cluster.broadcast(KIND, operationId).catch(() => {}),
    listen: (onHint) => cluster.on(KIND, idOf, (id) => runInContext(undefined, () => onHint(id))),
  };
}

function idOf(data: unknown): string | null {
  return typeof data === 'string' && ID.test(data) ? data : null;
}
