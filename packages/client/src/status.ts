import { isRealm, type Realm } from '@trunkline/contract';
import { Store } from './store.ts';
import type { TransportName } from './transports.ts';

/** Where a connection stands. */
export type Status =
  | 'idle'
  | 'connecting'
  | 'syncing'
  | 'live'
  | 'resyncing'
  | 'reconnecting'
  | 'offline'
  | 'auth-failed'
  | 'identity-mismatch'
  | 'closed';

/** Who the server says this is. */
export interface Identity {
  readonly userId: string;
  readonly realm: Realm;
}

/** What the server's greeting says of who this is; `null`: nothing that could be understood. */
export function toIdentity(data: unknown): Identity | null {
  if (typeof data !== 'object' || data === null) return null;
  const { userId, realm } = data as { userId?: unknown; realm?: unknown };
  return typeof userId === 'string' && isRealm(realm) ? { userId, realm } : null;
}

/** A realm as a word in ids. */
export function realmName(realm: Realm | undefined): string {
  return realm?.kind === 'tenant' ? realm.tenantId : 'platform';
}

/** What a page shows of its connection. */
export interface ConnectionState {
  readonly status: Status;
  /** Calm: false only after 1.5 s without a connection, or when it has ended. */
  readonly isConnected: boolean;
  /** Known once connected. */
  readonly identity: Identity | null;
  /** How it is connected, or was last; `null` before the first connection. */
  readonly transport: TransportName | null;
  /** When the next attempt is due, milliseconds since 1970; `null` when none is planned. */
  readonly reconnectAt: number | null;
}

/** The state of a page that nobody is logged in to. */
export const IDLE: ConnectionState = Object.freeze({
  status: 'idle',
  isConnected: false,
  identity: null,
  transport: null,
  reconnectAt: null,
});

/** The state before the first connection. */
export const CONNECTING: ConnectionState = Object.freeze({ ...IDLE, status: 'connecting' });

const FLICKER_MS = 1500;
const UP: ReadonlySet<Status> = new Set<Status>(['live', 'resyncing']);
const ENDED: ReadonlySet<Status> = new Set<Status>([
  'idle',
  'auth-failed',
  'identity-mismatch',
  'closed',
]);

/** Is this the end, until somebody tries again or logs in? */
export function isEnded(status: Status): boolean {
  return ENDED.has(status);
}

/** Disconnects and connect errors that mean: this login does not count. */
const AUTH_FAILED: ReadonlySet<number> = new Set([1, 101, 103, 110, 3500, 3503]);

/** Does the server not accept this login, or not any more? */
export function isAuthFailure(code: number): boolean {
  return AUTH_FAILED.has(code);
}

/** What to tell the developer whose page and server do not agree on the user. */
export function mismatch(userId: string, identity: Identity | null): string {
  const who = identity ? `user ${JSON.stringify(identity.userId)}` : 'nobody';
  return (
    `The page says user ${JSON.stringify(userId)}, but the server says ${who}. ` +
    'The connection is closed: pass the id of the user who is logged in.'
  );
}

/** Keeps a connection's state and calms `isConnected`. */
export class StateKeeper {
  readonly store: Store<ConnectionState> = new Store<ConnectionState>(CONNECTING);
  #flicker: ReturnType<typeof setTimeout> | undefined;

  get status(): Status {
    return this.store.get().status;
  }

  get identity(): Identity | null {
    return this.store.get().identity;
  }

  /** Takes the new facts; `isConnected` follows from the status. */
  set(facts: Partial<Omit<ConnectionState, 'isConnected'>>): void {
    const state = { ...this.store.get(), ...facts };
    if (UP.has(state.status) || ENDED.has(state.status)) this.stop();
    else if (state.isConnected) this.#dropSoon();
    const isConnected = UP.has(state.status) || (state.isConnected && !ENDED.has(state.status));
    this.store.set({ ...state, isConnected });
  }

  stop(): void {
    clearTimeout(this.#flicker);
    this.#flicker = undefined;
  }

  #dropSoon(): void {
    this.#flicker ??= setTimeout(() => {
      this.#flicker = undefined;
      this.store.set({ ...this.store.get(), isConnected: false });
    }, FLICKER_MS);
  }
}
