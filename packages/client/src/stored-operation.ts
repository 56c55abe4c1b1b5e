import {
  type EventFor,
  FAILURE_CODES,
  isTerminal,
  type OperationAudience,
  type OperationSnapshot,
  type OperationState,
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

/**
 * A stored operation after one of its events: the one with the highest `seq` counts, whatever it says.
 * The same object when a later one is known.
 */
export function applyStoredEvent(
  before: Operation | undefined,
  event: OperationEvent,
  now: number,
): Operation {
  const { data } = event;
  const seq = data.seq ?? 0;
  const known = before?.isStored ? before : undefined;
  if (known?.seq !== undefined && seq <= known.seq) return known;
  const attempt = data.attempt ?? known?.attempt ?? 1;
  const current = known?.attempt === attempt ? known : undefined;
  return {
    ...subject(known, event),
    isStored: true,
    isStalled: false,
    isSeen: false,
    heardAt: now,
    seq,
    attempt,
    maxAttempts: data.maxAttempts ?? known?.maxAttempts ?? attempt,
    isCancellable: data.isCancellable ?? false,
    isRetryable: data.isRetryable ?? false,
    createdAt: data.createdAt ?? known?.createdAt ?? now,
    ...news(current, event, data.updatedAt ?? now),
  };
}

/**
 * A stored operation after a snapshot of it; the same object when a later update is known. One of the
 * update that is known adds what its event left out.
 */
export function applySnapshot(
  before: Operation | undefined,
  snapshot: OperationSnapshot,
  now: number,
): Operation {
  const known = before?.isStored ? before : undefined;
  if (known && !isNews(known, snapshot)) return known;
  const after = fromSnapshot(known, snapshot, now);
  return known && isSame(known, after) ? known : after;
}

type Subject = Pick<Operation, 'id' | 'type' | 'label' | 'scope' | 'ownerId' | 'parentId'>;

/** What no update changes. */
function subject(before: Operation | undefined, { data, scope }: OperationEvent): Subject {
  return {
    id: data.operationId,
    type: data.operationType,
    label: data.label ?? before?.label ?? operationLabel(data.operationType),
    scope: before?.scope === 'user' ? 'user' : scope,
    ...present({
      ownerId: data.ownerId ?? before?.ownerId,
      parentId: data.parentId ?? before?.parentId,
    }),
  };
}

type News = Pick<
  Operation,
  'state' | 'percentage' | 'stage' | 'message' | 'result' | 'resultRef' | 'error' | 'finishedAt'
>;

/** What an update says; `current`: what is known of the same attempt. */
function news(current: Operation | undefined, event: OperationEvent, at: number): News {
  const label = event.data.label ?? current?.label ?? operationLabel(event.data.operationType);
  const end = (state: OperationState) => ({
    ...reached(current, event),
    state,
    message: ownMessage(event) ?? endMessage(label, state),
    finishedAt: at,
  });
  switch (event.type) {
    case 'operation:progress':
      return progress(current, event);
    case 'operation:complete':
      return { ...end('succeeded'), ...resultOf(event), percentage: 100 };
    case 'operation:error': {
      const { error } = event.data;
      const details = typeof error === 'string' ? { message: error } : error;
      return { ...end(failedState(event.data.state, details.code)), error: details };
    }
  }
}

function resultOf({ data }: EventFor<'operation:complete'>): Pick<News, 'result' | 'resultRef'> {
  return present({ result: data.result, resultRef: text(data.resultRef) });
}

function progress(current: Operation | undefined, event: EventFor<'operation:progress'>): News {
  const { data } = event;
  const isUnderWay = current !== undefined && !isTerminal(current.state);
  return {
    state: data.state === 'queued' || data.state === 'cancelling' ? data.state : 'running',
    ...reached(current, event),
    // the last words of an end are none of what goes on
    ...present({ message: text(data.message) ?? (isUnderWay ? current.message : undefined) }),
  };
}

/** How far it has come: an end says it too, because the progress before it may have been missed. */
function reached(
  current: Operation | undefined,
  { data }: OperationEvent,
): Pick<News, 'percentage' | 'stage'> {
  const { percentage, stage } = data as Partial<Record<'percentage' | 'stage', unknown>>;
  return present({
    percentage: highest(current?.percentage, toPercentage(percentage)),
    stage: text(stage) ?? current?.stage,
  });
}

/** The code stands in for a state that this page does not know. */
function failedState(
  state: OperationState | undefined,
  code: string | undefined,
): 'failed' | 'cancelled' | 'crashed' {
  if (state === 'failed' || state === 'cancelled' || state === 'crashed') return state;
  if (code === FAILURE_CODES.cancelled) return 'cancelled';
  return code === FAILURE_CODES.crashed ? 'crashed' : 'failed';
}

/** The same `seq` is the same update, of which an event says less. */
function isNews(before: Operation, { seq, state, attempt }: OperationSnapshot): boolean {
  const knownSeq = before.seq ?? 0;
  if (seq !== knownSeq) return seq > knownSeq;
  return state === before.state && attempt === before.attempt;
}

function fromSnapshot(
  before: Operation | undefined,
  snapshot: OperationSnapshot,
  now: number,
): Operation {
  const { id, type, label, state, attempt, seq, percentage, stage, result, resultRef } = snapshot;
  const { error, ownerId, parentId, finishedAt } = snapshot;
  const shown = before?.attempt === attempt ? before.percentage : undefined;
  // what has been marked here may not have reached the server yet
  const isSeen = snapshot.isSeen || (before?.seq === seq && before.isSeen);
  return {
    id,
    type,
    label,
    state,
    scope: before?.scope ?? scopeOf(snapshot.audience),
    isStored: true,
    isStalled: false,
    isSeen,
    heardAt: now,
    seq,
    attempt,
    maxAttempts: snapshot.maxAttempts,
    isCancellable: snapshot.isCancellable,
    isRetryable: snapshot.isRetryable,
    createdAt: snapshot.createdAt,
    ownerId,
    ...present({ percentage: highest(shown, toPercentage(percentage)), stage, parentId }),
    ...present({ message: messageOf(snapshot), result, resultRef, error, finishedAt }),
  };
}

/** A snapshot keeps the last line of the progress, where the work has not succeeded. */
function messageOf({ label, state, message }: OperationSnapshot): string | undefined {
  if (!isTerminal(state)) return message;
  const isOwn = state === 'succeeded' && message !== undefined;
  return isOwn ? message : endMessage(label, state);
}

function scopeOf(audience: OperationAudience): Operation['scope'] {
  if (typeof audience === 'object') return 'role';
  return audience === 'owner' ? 'user' : 'tenant';
}

function isSame(before: Operation, after: Operation): boolean {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof Operation>;
  keys.delete('heardAt');
  return [...keys].every((key) => JSON.stringify(before[key]) === JSON.stringify(after[key]));
}
