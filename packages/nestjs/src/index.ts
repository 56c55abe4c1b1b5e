export type { TenantOption } from './addresses.ts';
export {
  CrossTenantError,
  InvalidAddressError,
  InvalidOptionsError,
  TenantRequiredError,
} from './addressing.ts';
export { CallContext, type CallSchema, callOf } from './call.ts';
export { currentPrincipal, runAs, runAsPlatform } from './context.ts';
export { CallData, OnCall, type OnCallOptions } from './on-call.ts';
export { ConfigurationError, type WebSocketModuleOptions } from './options.ts';
export { CurrentPrincipal, PrincipalGuard } from './principal.guard.ts';
export { principalOfRequest } from './request-context.ts';
export {
  type CanJoin,
  type RoomParams,
  RoomPolicy,
  type RoomPolicyOptions,
} from './room-policy.ts';
export type { RefreshOptions, RevocationOptions, TenantSender } from './tenant-sender.ts';
export { WebSocketModule } from './websocket.module.ts';
export { type SendOptions, WebSocketService } from './websocket.service.ts';
