import { type ConnectionState, IDLE, pageRegistry, type Status } from '@trunkline/client';
import { type ReactElement, useSyncExternalStore } from 'react';

/** How `<ConnectionStatus/>` looks. */
export interface ConnectionStatusProps {
  readonly className?: string | undefined;
  /** Other words for a status. */
  readonly labels?: Partial<Record<Status, string>> | undefined;
  /** The word on the button that appears when the connection has ended. */
  readonly reconnectLabel?: string | undefined;
  /** What is said beside "live" where no WebSocket opens; `''`: nothing. */
  readonly httpLabel?: string | undefined;
  /** Why that is, for who points at it. */
  readonly httpTitle?: string | undefined;
}

const LABELS: Record<Status, string> = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  syncing: 'Connecting…',
  live: 'Live',
  resyncing: 'Catching up…',
  reconnecting: 'Reconnecting…',
  offline: 'Offline',
  'auth-failed': 'Please log in again',
  'identity-mismatch': 'Please reload the page',
  closed: 'Disconnected',
};

const HTTP_TITLE =
  'This network does not let WebSockets through, often because of a proxy. Everything works over plain HTTP instead.';

/** Says how the page's connection is doing. It follows the connection of the other hooks. */
export function ConnectionStatus(props: ConnectionStatusProps): ReactElement {
  const state = useSyncExternalStore(watchState, getState, () => IDLE);
  // calm: a connection that is back within 1.5 s has not visibly been away
  const status = state.isConnected && state.status !== 'resyncing' ? 'live' : state.status;
  const isOver = status === 'auth-failed' || status === 'closed';
  const isByHttp = state.transport === 'http_stream' || state.transport === 'sse';
  const hint = status === 'live' && isByHttp ? (props.httpLabel ?? 'over HTTP') : '';
  return (
    <span
      role="status"
      data-status={status}
      data-transport={state.transport ?? undefined}
      className={props.className}
    >
      {props.labels?.[status] ?? LABELS[status]}
      {hint === '' ? null : <small title={props.httpTitle ?? HTTP_TITLE}> {hint}</small>}
      {isOver ? (
        <button type="button" onClick={reconnect}>
          {props.reconnectLabel ?? 'Reconnect'}
        </button>
      ) : null}
    </span>
  );
}

function getState(): ConnectionState {
  return firstClient()?.state.get() ?? IDLE;
}

function reconnect(): void {
  firstClient()?.reconnect();
}

function watchState(listener: () => void): () => void {
  let stopClient = () => {};
  const follow = () => {
    stopClient();
    stopClient = firstClient()?.state.subscribe(listener) ?? (() => {});
    listener();
  };
  const stop = pageRegistry().clients.subscribe(follow);
  follow();
  return () => {
    stop();
    stopClient();
  };
}

function firstClient() {
  return pageRegistry().clients.get()[0];
}
