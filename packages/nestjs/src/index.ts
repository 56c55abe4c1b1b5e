export {
  CrossTenantError,
  InvalidAddressError,
  InvalidOptionsError,
  TenantRequiredError,
} from './addressing.ts';
export { currentPrincipal, runAs, runAsPlatform } from './context.ts';
export { ConfigurationError, type WebSocketModuleOptions } from './options.ts';
export { CurrentPrincipal, PrincipalGuard } from './principal.guard.ts';
export { principalOfRequest } from './request-context.ts';
export { WebSocketModule } from './websocket.module.ts';
export { type SendOptions, type TenantSender, WebSocketService } from './websocket.service.ts';
