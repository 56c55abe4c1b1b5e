/** Where an operation stands. The last four are final. */
export type OperationState =
  | 'queued'
  | 'running'
  | 'cancelling'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'crashed';

/** Data of `operation:progress`. */
export interface OperationProgress {
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
export interface OperationComplete {
  operationId: string;
  operationType: string;
  result?: unknown;
  attempt?: number;
}

/** Data of `operation:error`. */
export interface OperationError {
  operationId: string;
  operationType: string;
  /** Text for the user, or what went wrong with a stable code. */
  error: string | { code?: string; message: string; retryable?: boolean };
  attempt?: number;
}

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
  const { attempt } = event;
  if (attempt !== undefined && !(Number.isSafeInteger(attempt) && (attempt as number) > 0)) {
    return 'data.attempt must be a whole number from 1';
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
