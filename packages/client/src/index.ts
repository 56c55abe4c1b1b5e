export { type Call, CallError, type CallFailure } from './call.ts';
export { Client } from './client.ts';
export { Consumer, type Plug } from './consumer.ts';
export { createDomToasts } from './dom-toasts.ts';
export { type EventHandler, HandlerSet, type Subscribe } from './events.ts';
export { createFetch } from './fetch.ts';
export { isDevelopment, type OnError, report, warn } from './log.ts';
export {
  isOwnOperation,
  kindType,
  named,
  type Operation,
  type OperationEvent,
  type OperationKind,
} from './operation.ts';
export { applyOperationEvent } from './operation-event.ts';
export {
  NO_OPERATIONS,
  type OperationListener,
  type OperationSource,
  OperationStore,
  type OperationsState,
} from './operation-store.ts';
export { Operations } from './operations.ts';
export { NOBODY, type PresenceState } from './presence.ts';
export {
  type MountedRefresher,
  type RefreshReason,
  RefreshSignals,
  refreshEventName,
  type ServerRefreshDetail,
} from './refresh.ts';
export { configureTrunkline, type Lease, pageRegistry, Registry } from './registry.ts';
export type { Room, RoomStatus } from './room.ts';
export { type Place, RoomConsumer, type RoomPlug } from './room-consumer.ts';
export type { RoomLease, Rooms } from './rooms.ts';
export {
  type Address,
  addressKey,
  type Gap,
  type HttpFallback,
  mergeSettings,
  type Settings,
  toAddress,
} from './settings.ts';
export {
  CONNECTING,
  type ConnectionState,
  IDLE,
  type Identity,
  type Status,
} from './status.ts';
export { Store } from './store.ts';
export {
  type RefreshCallback,
  type RefreshContext,
  type RefresherConfig,
  TableRefresher,
  type TableRefreshOptions,
} from './table-refresher.ts';
export type { OperationCommands } from './toast-actions.ts';
export {
  type ToastAction,
  type ToastAdapter,
  ToastQueue,
  type ToastSource,
  type ToastView,
} from './toast-adapter.ts';
export { operationText, shownPercentage, type ToastText } from './toast-text.ts';
export { type OperationToastOptions, ToastController } from './toasts.ts';
export type { TransportName } from './transports.ts';
export { Typing, type TypingConfig, type TypingOptions } from './typing.ts';
