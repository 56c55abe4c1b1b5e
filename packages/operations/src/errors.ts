import { randomBytes } from 'node:crypto';
import { FAILURE_CODES, type OperationFailure, type OperationState } from '@trunkline/contract';

/** What a `UserFacingError` may say beside its text. */
export interface UserFacingErrorOptions extends ErrorOptions {
  /** Stable, for programs. Default `failed`. */
  readonly code?: string;
  /** Is it worth trying again as it is? Default `false`. */
  readonly retryable?: boolean;
}

/**
 * The one error whose text a browser may show: `throw new UserFacingError('Line 3 has no e-mail address')`.
 * Of any other the user reads a general text, and the log has the rest.
 */
export class UserFacingError extends Error {
  override readonly name = 'UserFacingError';
  readonly code: string;
  readonly retryable: boolean;

  constructor(
    message: string,
    { code = 'failed', retryable = false, ...rest }: UserFacingErrorOptions = {},
  ) {
    super(message, rest);
    this.code = code;
    this.retryable = retryable;
  }
}

/** No operation of this id that the caller may see: there is none, or it is somebody else's. */
export class OperationNotFoundError extends Error {
  override readonly name = 'OperationNotFoundError';
  readonly code = 'OPERATION_NOT_FOUND';

  constructor(id: unknown) {
    super(`There is no operation ${JSON.stringify(String(id).slice(0, 100))} here`);
  }
}

/** What was asked of an operation does not fit how it stands. */
export class OperationStateError extends Error {
  override readonly name = 'OperationStateError';
  readonly code: 'NOT_CANCELLABLE' | 'NOT_RETRYABLE';
  readonly state: OperationState;

  constructor(code: OperationStateError['code'], state: OperationState, message: string) {
    super(message);
    this.code = code;
    this.state = state;
  }
}

/** The options or the input of an operation cannot be used. */
export class InvalidOperationError extends TypeError {
  override readonly name: string = 'InvalidOperationError';
  readonly code: string = 'INVALID_OPERATION';
}

/** What somebody outside has sent is wrong: an input, a filter, a key. The text may be shown to them. */
export class InvalidInputError extends InvalidOperationError {
  override readonly name = 'InvalidInputError';
  override readonly code = 'INVALID_INPUT';
}

/** The idempotency key has been used with another input. */
export class IdempotencyConflictError extends Error {
  override readonly name = 'IdempotencyConflictError';
  readonly code = 'IDEMPOTENCY_CONFLICT';

  constructor(type: string) {
    super(
      `This idempotency key has already started a ${type} with another input: the same key means the same request, use a new one for another`,
    );
  }
}

/** The owner or the tenant has too many operations that have not ended. */
export class TooManyOperationsError extends Error {
  override readonly name = 'TooManyOperationsError';
  readonly code = 'TOO_MANY_OPERATIONS';

  constructor(whose: 'user' | 'tenant', limit: number) {
    super(
      `The ${whose} has ${limit} operations that have not ended, and more are not allowed: wait for one of them`,
    );
  }
}

/** The database did not answer, or not in time. */
export class OperationStoreError extends Error {
  override readonly name = 'OperationStoreError';
  readonly code = 'OPERATION_STORE';
}

/** Why `op.signal` was aborted, when somebody has cancelled the operation. */
export class OperationCancelledError extends Error {
  override readonly name = 'OperationCancelledError';
  readonly code = 'OPERATION_CANCELLED';

  constructor() {
    super('The operation was cancelled');
  }
}

/** Why `op.signal` was aborted, when the operation is not this process's any more. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  readonly code = 'LEASE_LOST';

  constructor() {
    super(
      'This process was silent for longer than its lease, and the operation was taken from it: what it does from now on is not stored',
    );
  }
}

/** Why `op.signal` was aborted, when the process is being stopped. */
export class ShutdownError extends Error {
  override readonly name = 'ShutdownError';
  readonly code = 'SHUTDOWN';

  constructor() {
    super('The server is being stopped');
  }
}

/** How an operation that was awaited has ended, where it was not success. */
export class OperationFailedError extends Error {
  override readonly name = 'OperationFailedError';
  readonly code: string;
  readonly retryable: boolean;
  readonly state: OperationState;

  constructor(state: OperationState, { code, message, retryable }: OperationFailure) {
    super(message);
    this.state = state;
    this.code = code;
    this.retryable = retryable;
  }
}

/** What a user reads of an operation that was cancelled. */
export const CANCELLED: OperationFailure = {
  code: FAILURE_CODES.cancelled,
  message: 'Cancelled',
  retryable: true,
};

/** What a user reads of an operation whose process has died, or was stopped. */
export function crashed(reason: string): OperationFailure {
  return { code: FAILURE_CODES.crashed, message: reason, retryable: true };
}

/** What a user may read of an error: its own text only where that is meant for them. */
export function failureOf(error: unknown): OperationFailure {
  if (error instanceof UserFacingError) {
    const { code, message, retryable } = error;
    return { code, message, retryable };
  }
  // short enough to be read out on the phone
  const correlationId = randomBytes(5).toString('hex');
  return {
    code: FAILURE_CODES.internal,
    message: `Something went wrong on our side (reference ${correlationId})`,
    retryable: true,
    correlationId,
  };
}
