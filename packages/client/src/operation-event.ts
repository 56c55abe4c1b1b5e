import {
  type EventFor,
  type EventScope,
  isTerminal,
  operationLabel,
  toPercentage,
} from '@trunkline/contract';
import {
  endMessage,
  highest,
  type Operation,
  type OperationEvent,
  ownMessage,
  present,
  text,
} from './operation.ts';
import { applyStoredEvent } from './stored-operation.ts';

/**
 * The operation after an event; the same object when the event changes nothing: progress behind
 * the end, a second end, an older attempt, an update of a stored one that is known already.
 */
export function applyOperationEvent(
  before: Operation | undefined,
  event: OperationEvent,
  now: number,
): Operation {
  if (event.data.seq !== undefined) return applyStoredEvent(before, event, now);
  // what the server keeps, it tells itself
  return before?.isStored ? before : applyRawEvent(before, event, now);
}

function applyRawEvent(
  before: Operation | undefined,
  event: OperationEvent,
  now: number,
): Operation {
  const scope = before?.scope === 'user' ? 'user' : event.scope;
  const attempt = event.data.attempt ?? before?.attempt ?? 1;
  const isNewAttempt = before === undefined || attempt > before.attempt;
  if (!isNewAttempt && (attempt < before.attempt || isTerminal(before.state))) {
    return withScope(before, scope);
  }
  const current = isNewAttempt ? startAttempt(event, attempt, before?.createdAt ?? now) : before;
  const { scope: known } = withScope(current, scope);
  return {
    ...current,
    ...changes(current, event, now),
    scope: known,
    isStalled: false,
    heardAt: now,
  };
}

/** What is also announced to others is the user's own as soon as one copy is addressed to them. */
function withScope(operation: Operation, scope: EventScope): Operation {
  const isNews = scope === 'user' && operation.scope !== 'user';
  return isNews ? { ...operation, scope } : operation;
}

function startAttempt(
  { data, scope }: OperationEvent,
  attempt: number,
  createdAt: number,
): Operation {
  return {
    id: data.operationId,
    type: data.operationType,
    label: operationLabel(data.operationType),
    state: 'running',
    attempt,
    maxAttempts: attempt,
    scope,
    isStored: false,
    isCancellable: false,
    isRetryable: false,
    isSeen: false,
    createdAt,
    isStalled: false,
    heardAt: 0,
  };
}

type Changes = { -readonly [K in keyof Operation]?: Operation[K] };

function changes(current: Operation, event: OperationEvent, now: number): Changes {
  const { label } = current;
  switch (event.type) {
    case 'operation:progress':
      return progressChanges(current, event);
    case 'operation:complete':
      return {
        state: 'succeeded',
        message: ownMessage(event) ?? endMessage(label, 'succeeded'),
        result: event.data.result,
        finishedAt: now,
      };
    case 'operation:error': {
      const { error } = event.data;
      const details = typeof error === 'string' ? { message: error } : error;
      return {
        state: details.code === 'cancelled' ? 'cancelled' : 'failed',
        message: ownMessage(event) ?? endMessage(label, 'failed'),
        error: details,
        finishedAt: now,
      };
    }
  }
}

function progressChanges(current: Operation, { data }: EventFor<'operation:progress'>): Changes {
  return {
    state: 'running',
    ...present({
      percentage: highest(current.percentage, toPercentage(data.percentage)),
      stage: text(data.stage),
      message: text(data.message),
    }),
  };
}
