export { CrossTenantError, InvalidAddressError, TenantRequiredError } from './addressing.ts';
export { currentPrincipal, runAs, runAsPlatform } from './context.ts';
export type { WebSocketModuleOptions } from './options.ts';
export { CurrentPrincipal, PrincipalGuard } from './principal.guard.ts';
export { WebSocketModule } from './websocket.module.ts';
export { type SendOptions, type TenantSender, WebSocketService } from './websocket.service.ts';
export { ConfigurationError } from './websocket-core.module.ts';
