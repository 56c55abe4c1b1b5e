'use client';

export {
  type Call,
  CallError,
  type CallFailure,
  type ConnectionState,
  configureTrunkline,
  createFetch,
  type EventHandler,
  type Gap,
  type HttpFallback,
  type Identity,
  isOwnOperation,
  type Operation,
  type OperationKind,
  type OperationToastOptions,
  type PresenceState,
  type RefreshCallback,
  type RefreshContext,
  type RefreshReason,
  type RoomStatus,
  type Settings,
  type Status,
  type Subscribe,
  type TableRefreshOptions,
  type ToastAction,
  type ToastAdapter,
  type ToastText,
  type ToastView,
  type TransportName,
  type TypingOptions,
} from '@trunkline/client';
export {
  type AppEvent,
  defineOperation,
  type EventFor,
  type Events,
  isTerminal,
  type Member,
  type OperationDefinition,
  type OperationSnapshot,
  type OperationState,
  type Realm,
  type ReceivedEvent,
} from '@trunkline/contract';
export { ConnectionStatus, type ConnectionStatusProps } from './connection-status.tsx';
export { OperationsPanel, type OperationsPanelProps } from './operations-panel.tsx';
export type { OperationsPanelLabel, OperationsPanelPart } from './panel-look.ts';
export { TrunklineProvider, type TrunklineProviderProps } from './provider.tsx';
export { useCall } from './use-call.ts';
export { useEvent } from './use-event.ts';
export { useOperationToasts } from './use-operation-toasts.ts';
export {
  type UseOperationsOptions,
  type UseOperationsResult,
  useOperations,
} from './use-operations.ts';
export { usePresence } from './use-presence.ts';
export { type UseRoomOptions, type UseRoomResult, useRoom } from './use-room.ts';
export { type UseTableRefreshResult, useTableRefresh } from './use-table-refresh.ts';
export { type UseTypingResult, useTyping } from './use-typing.ts';
export { type UseWebSocketResult, useWebSocket } from './use-web-socket.ts';
