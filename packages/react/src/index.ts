'use client';

export {
  type ConnectionState,
  configureTrunkline,
  createFetch,
  type EventHandler,
  type Gap,
  type HttpFallback,
  type Identity,
  type Operation,
  type OperationToastOptions,
  type RefreshCallback,
  type RefreshContext,
  type RefreshReason,
  type Settings,
  type Status,
  type Subscribe,
  type TableRefreshOptions,
  type ToastAdapter,
  type ToastText,
  type ToastView,
  type TransportName,
} from '@trunkline/client';
export type { EventFor, Events, Realm, ReceivedEvent } from '@trunkline/contract';
export { ConnectionStatus, type ConnectionStatusProps } from './connection-status.tsx';
export { TrunklineProvider, type TrunklineProviderProps } from './provider.tsx';
export { useEvent } from './use-event.ts';
export { useOperationToasts } from './use-operation-toasts.ts';
export { type UseTableRefreshResult, useTableRefresh } from './use-table-refresh.ts';
export { type UseWebSocketResult, useWebSocket } from './use-web-socket.ts';
