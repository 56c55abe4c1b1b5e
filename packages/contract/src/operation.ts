/** Where an operation stands. The last four are final. */
export type OperationState =
  | 'queued'
  | 'running'
  | 'cancelling'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'crashed';

/**
 * What the events of a stored operation say beside the guide's fields. An event with a `seq` is one; the
 * raw events that an app sends itself have none of these.
 */
export interface StoredOperationFields {
  /** Number of this update, one more with each: a lower one than the page knows is old. */
  seq?: number;
  state?: OperationState;
  /** What the toast calls it. Absent: made from the type. */
  label?: string;
  /** Whose operation it is: others may be told of it too. */
  ownerId?: string;
  /** May it be cancelled now? */
  isCancellable?: boolean;
  /** Can it be tried again, now that it has ended? */
  isRetryable?: boolean;
  parentId?: string;
  /** How many tries it has. */
  maxAttempts?: number;
  /** Milliseconds since 1970. */
  createdAt?: number;
  /** Milliseconds since 1970. */
  updatedAt?: number;
}

/** Data of `operation:progress`. */
export interface OperationProgress extends StoredOperationFields {
  /** Unique per owner, e.g. `user-import-1672531200000`. At most 200 characters. */
  operationId: string;
  /** The kind of work, e.g. `user-import`: becomes the toast's label. */
  operationType: string;
  /** The step that runs now, e.g. `validating`. */
  stage?: string;
  /** 0 to 100. Absent: the toast's bar is indeterminate. */
  percentage?: number;
  /** One line for the user, below the title. */
  message?: string;
  /** Which try this is, from 1. An event of an older attempt is ignored. */
  attempt?: number;
}

/** Data of `operation:complete`. */
export interface OperationComplete extends StoredOperationFields {
  operationId: string;
  operationType: string;
  result?: unknown;
  /** Where a result is that is too large to be here. */
  resultRef?: string;
  /** The last step: a page may have missed the progress before. */
  stage?: string;
  attempt?: number;
}

/** Data of `operation:error`. */
export interface OperationError extends StoredOperationFields {
  operationId: string;
  operationType: string;
  /** Text for the user, or what went wrong with a stable code. */
  error: string | (Partial<OperationFailure> & { message: string });
  /** How far it had come, and the last step: a page may have missed the progress before. */
  percentage?: number;
  stage?: string;
  attempt?: number;
}

/** Why an operation did not succeed: what a user may read. */
export interface OperationFailure {
  /** Stable, for programs: `cancelled`, `crashed`, `internal`, or the app's own. */
  readonly code: string;
  /** For the user. Of an error that is none of theirs a general text. */
  readonly message: string;
  /** Is it worth trying again? */
  readonly retryable: boolean;
  /** Finds the error in the server's log, where the message does not say what it was. */
  readonly correlationId?: string;
}

/** The codes that Trunkline itself gives. */
export const FAILURE_CODES = {
  cancelled: 'cancelled',
  crashed: 'crashed',
  internal: 'internal',
} as const;

/** Who may see an operation, beside its owner: nobody, everyone in the realm, or who has one of the roles. */
export type OperationAudience = 'owner' | 'tenant' | { readonly roles: readonly string[] };

/** A stored operation as it stands: what HTTP and calls answer. Times are milliseconds since 1970. */
export interface OperationSnapshot {
  /** A ULID: later ones sort behind earlier ones. */
  readonly id: string;
  readonly type: string;
  readonly label: string;
  readonly state: OperationState;
  /** Number of its last update. */
  readonly seq: number;
  /** Which try this is, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** 0 to 100; absent: unknown. */
  readonly percentage?: number;
  readonly stage?: string;
  /** The last line for the user: of the progress, or of the end. */
  readonly message?: string;
  /** What the work returned; absent when that is large, see `resultRef`. */
  readonly result?: unknown;
  /** Where a result is that is larger than 16 KiB: as the work itself has said, e.g. a URL. */
  readonly resultRef?: string;
  /** Of a `failed`, `cancelled` or `crashed` one. */
  readonly error?: OperationFailure;
  readonly ownerId: string;
  readonly audience: OperationAudience;
  /** The app's own words to find it by. */
  readonly labels: Readonly<Record<string, string>>;
  readonly parentId?: string;
  /** Does it go on in another process when its own dies? */
  readonly isDurable: boolean;
  /** May it be cancelled now? */
  readonly isCancellable: boolean;
  /** Can it be tried again, now that it has ended? */
  readonly isRetryable: boolean;
  /** Has its owner seen how it ended? */
  readonly isSeen: boolean;
  readonly createdAt: number;
  /** When the first attempt began. */
  readonly startedAt?: number;
  readonly updatedAt: number;
  readonly finishedAt?: number;
}

/** Which operations to list. Every field narrows. */
export interface OperationFilter {
  /** `active`: those that have not ended; `ended`: the others. */
  readonly state?: OperationState | 'active' | 'ended';
  readonly type?: string;
  /** Those of one user. */
  readonly ownerId?: string;
  readonly parentId?: string;
  /** Those that have all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** 1 to 200. Default 50. */
  readonly limit?: number;
  /** Older ones than this: `next` of the list before. */
  readonly before?: string;
}

/** Operations, newest first. */
export interface OperationList {
  readonly operations: readonly OperationSnapshot[];
  /** `before` of the next list; absent: there is none. */
  readonly next?: string;
  /** When this was true, by the server's clock, milliseconds since 1970. */
  readonly now: number;
}

/** The call that answers an `OperationFilter` with an `OperationList`. */
export const OPERATIONS_CALL = 'trunkline:operations';

/** The call that cancels `{ id }`, and answers with the operation's `OperationSnapshot`. */
export const CANCEL_OPERATION_CALL = 'trunkline:operations:cancel';

/** The call that tries `{ id }` again, and answers with the operation's `OperationSnapshot`. */
export const RETRY_OPERATION_CALL = 'trunkline:operations:retry';

/** The call that says that its owner has seen how `{ ids }` (at most 200) have ended. Answers `null`. */
export const SEEN_OPERATIONS_CALL = 'trunkline:operations:seen';

/** The three event types of an operation. */
export type OperationEventType = 'operation:progress' | 'operation:complete' | 'operation:error';

const OPERATION_EVENTS: ReadonlySet<string> = new Set<OperationEventType>([
  'operation:progress',
  'operation:complete',
  'operation:error',
]);

/** Is this one of the three event types of an operation? */
export function isOperationEvent(type: string): type is OperationEventType {
  return OPERATION_EVENTS.has(type);
}

/** Can nothing change this state any more? */
export function isTerminal(state: OperationState): boolean {
  return state !== 'queued' && state !== 'running' && state !== 'cancelling';
}

/**
 * A percentage as a number from 0 to 100; `undefined` when there is none.
 * Takes a numeric string (`"45"`), because people send one; clamps what lies outside.
 */
export function toPercentage(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) return undefined;
  return Math.min(100, Math.max(0, number));
}

/** The label of an operation type that has none of its own: `data-export` → `Data Export`. */
export function operationLabel(operationType: string): string {
  return operationType
    .split(/[-_.\s]+/)
    .filter((word) => word !== '')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}

/**
 * What is wrong with an operation event's data, as a sentence; `null` when nothing is.
 * A percentage is never wrong: what is no number shows as an indeterminate bar.
 */
export function operationEventProblem(type: OperationEventType, data: unknown): string | null {
  if (typeof data !== 'object' || data === null) return 'data must be an object';
  const event = data as Record<string, unknown>;
  for (const field of ['operationId', 'operationType']) {
    const value = event[field];
    if (typeof value !== 'string' || value === '' || value.length > 200) {
      return `data.${field} must be a string of 1 to 200 characters`;
    }
  }
  for (const field of ['attempt', 'seq']) {
    const value = event[field];
    if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) > 0)) {
      return `data.${field} must be a whole number from 1`;
    }
  }
  if (type === 'operation:error' && !isErrorText(event['error'])) {
    return 'data.error must be a text, or an object with a message';
  }
  return null;
}

function isErrorText(error: unknown): boolean {
  if (typeof error === 'string') return true;
  if (typeof error !== 'object' || error === null) return false;
  return typeof (error as { message?: unknown }).message === 'string';
}
