export {
  defineOperation,
  type OperationAudience,
  type OperationDefinition,
  type OperationFailure,
  type OperationFilter,
  type OperationList,
  type OperationSnapshot,
  type OperationState,
} from '@trunkline/contract';
export type { AccessOptions, MayControl, OperationContext } from './access.ts';
export type { PublishOperation } from './announcer.ts';
export type { AttemptFate } from './attempt-options.ts';
export { currentOperation } from './current-operation.ts';
export {
  type Database,
  fromDrizzle,
  fromPg,
  fromPglite,
  type Pglite,
  type PgPool,
  type Queryable,
} from './database.ts';
export {
  IdempotencyConflictError,
  InvalidInputError,
  InvalidOperationError,
  LeaseLostError,
  OperationCancelledError,
  OperationFailedError,
  OperationNotFoundError,
  OperationStateError,
  OperationStoreError,
  ShutdownError,
  TooManyOperationsError,
  UserFacingError,
  type UserFacingErrorOptions,
} from './errors.ts';
export type { OperationMessage } from './events.ts';
export type { ChildOptions, OperationHandle, Outcome } from './handle.ts';
export type { Work } from './handlers.ts';
export type { OperationHints } from './hints.ts';
export type { JobAttemptOptions } from './job-attempt.ts';
export type { OperationLimits } from './limits.ts';
export type { OperationLog } from './log.ts';
export { migrate } from './migrate.ts';
export { Operations } from './operations.ts';
export type { OperationsOptions, OwnerOption, WaitOptions } from './operations-options.ts';
export type { OperationPrincipal } from './principal.ts';
export type { OperationJob, RunJob, Runner } from './runner.ts';
export type { StartOptions } from './start-options.ts';
export type { Progress } from './steps.ts';
