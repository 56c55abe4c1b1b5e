import type {
  AppEvent,
  OperationAudience,
  OperationSnapshot,
  Realm,
  StoredOperationFields,
} from '@trunkline/contract';
import type { OperationRow } from './row.ts';

/** An update of an operation, and who is to hear of it. */
export interface OperationMessage {
  readonly realm: Realm;
  readonly ownerId: string;
  /** Beside the owner. */
  readonly audience: OperationAudience;
  readonly event: AppEvent<'operation:progress' | 'operation:complete' | 'operation:error'>;
}

/** The update that a row stands for. */
export function messageOf({ snapshot, realm, refresh }: OperationRow): OperationMessage {
  const { ownerId, audience } = snapshot;
  return { realm, ownerId, audience, event: eventOf(snapshot, refresh) };
}

function eventOf(
  snapshot: OperationSnapshot,
  refresh: readonly string[],
): OperationMessage['event'] {
  const fields = { ...identityOf(snapshot), ...storedFields(snapshot) };
  const { percentage, stage, message, result, resultRef, error, state } = snapshot;
  // whoever hears of nothing but the end knows from it how far it had come
  const reached = {
    ...(percentage === undefined ? {} : { percentage }),
    ...(stage === undefined ? {} : { stage }),
  };
  if (state === 'succeeded') {
    const metadata = endMetadata(message ?? `${snapshot.label} completed`, refresh);
    const end = { result, ...(resultRef === undefined ? {} : { resultRef }) };
    return { type: 'operation:complete', data: { ...fields, ...reached, ...end }, metadata };
  }
  if (error) {
    const metadata = endMetadata(endTitle(snapshot), refresh);
    return { type: 'operation:error', data: { ...fields, ...reached, error }, metadata };
  }
  const progress = message === undefined ? {} : { message };
  return { type: 'operation:progress', data: { ...fields, ...reached, ...progress } };
}

function identityOf({ id, type, attempt }: OperationSnapshot) {
  return { operationId: id, operationType: type, attempt };
}

function storedFields(snapshot: OperationSnapshot): StoredOperationFields {
  const { seq, state, label, ownerId, isCancellable, isRetryable, parentId } = snapshot;
  const { maxAttempts, createdAt, updatedAt } = snapshot;
  return {
    seq,
    state,
    label,
    ownerId,
    isCancellable,
    isRetryable,
    maxAttempts,
    createdAt,
    updatedAt,
    ...(parentId === undefined ? {} : { parentId }),
  };
}

function endMetadata(message: string, refresh: readonly string[]) {
  return { message, ...(refresh.length > 0 ? { tablesToRefresh: refresh } : {}) };
}

function endTitle({ label, state }: OperationSnapshot): string {
  if (state === 'cancelled') return `${label} cancelled`;
  return state === 'crashed' ? `${label} was interrupted` : `${label} failed`;
}
