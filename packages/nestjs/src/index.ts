export {
  type AccessOptions,
  type ChildOptions,
  currentOperation,
  type Database,
  defineOperation,
  fromDrizzle,
  fromPg,
  fromPglite,
  IdempotencyConflictError,
  InvalidInputError,
  InvalidOperationError,
  LeaseLostError,
  type MayControl,
  type OperationAudience,
  OperationCancelledError,
  type OperationDefinition,
  OperationFailedError,
  type OperationFailure,
  type OperationFilter,
  type OperationHandle,
  type OperationLimits,
  type OperationList,
  type OperationLog,
  OperationNotFoundError,
  type OperationPrincipal,
  type OperationSnapshot,
  type OperationState,
  OperationStateError,
  OperationStoreError,
  Operations,
  type Outcome,
  type Progress,
  type Queryable,
  type Runner,
  ShutdownError,
  type StartOptions,
  TooManyOperationsError,
  UserFacingError,
  type UserFacingErrorOptions,
  type Work,
} from '@trunkline/operations';
export type { TenantOption } from './addresses.ts';
export {
  CrossTenantError,
  InvalidAddressError,
  InvalidOptionsError,
  TenantRequiredError,
} from './addressing.ts';
export { CallContext, type CallSchema, callOf } from './call.ts';
export { currentPrincipal, runAs, runAsPlatform } from './context.ts';
export { IdempotencyKey } from './idempotency-key.ts';
export { CallData, OnCall, type OnCallOptions } from './on-call.ts';
export { Operation, type OperationOptions } from './operation.ts';
export { SupportViewError } from './operation-context.ts';
export { OperationErrorFilter } from './operation-error.filter.ts';
export { OperationsModule } from './operations.module.ts';
export type {
  OperationsFactoryOptions,
  OperationsHttpOptions,
  OperationsModuleAsyncOptions,
  OperationsModuleOptions,
} from './operations-options.ts';
export { ConfigurationError, type WebSocketModuleOptions } from './options.ts';
export { CurrentPrincipal, PrincipalGuard } from './principal.guard.ts';
export { principalOfRequest } from './request-context.ts';
export {
  type CanJoin,
  type RoomParams,
  RoomPolicy,
  type RoomPolicyOptions,
} from './room-policy.ts';
export { StartsOperation } from './starts-operation.ts';
export type { RefreshOptions, RevocationOptions, TenantSender } from './tenant-sender.ts';
export { WebSocketModule } from './websocket.module.ts';
export { type SendOptions, WebSocketService } from './websocket.service.ts';
