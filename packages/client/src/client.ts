import { isSameRealm, REFRESH_EVENT, type ReceivedEvent } from '@trunkline/contract';
import { type Call, notConnected } from './call.ts';
import { Connection, type ConnectionListener, type Sync, type Welcome } from './connection.ts';
import { createDomToasts } from './dom-toasts.ts';
import { Duplicates, type HandlerSet, toReceivedEvent } from './events.ts';
import { guard, warn } from './log.ts';
import { Operations } from './operations.ts';
import { isDeviceOffline, watchPage } from './page.ts';
import { RecentIds } from './recent.ts';
import { RefreshSignals } from './refresh.ts';
import type { Room } from './room.ts';
import { Rooms } from './rooms.ts';
import type { Address, Settings } from './settings.ts';
import { type SettingsShare, SharedSettings } from './shared-settings.ts';
import {
  CONNECTING,
  type ConnectionState,
  type Identity,
  isAuthFailure,
  isEnded,
  mismatch,
  realmName,
  StateKeeper,
  toIdentity,
} from './status.ts';
import type { Store } from './store.ts';
import type { Publication } from './subscription.ts';
import { ToastQueue } from './toast-adapter.ts';
import { ToastController } from './toasts.ts';

const RETRY_ENDED_MS = 30_000;
const OWN_IDS = 20;
const RESERVED = 'trunkline:';

/** Everything of one user at one server: connection, events, rooms, operations, toasts, refresh. */
export class Client {
  readonly address: Address;
  readonly operations: Operations;
  readonly toasts: ToastController;
  readonly refreshes: RefreshSignals = new RefreshSignals();
  readonly rooms: Rooms;
  readonly #state = new StateKeeper();
  readonly #handlerSets = new Set<HandlerSet>();
  readonly #duplicates = new Duplicates();
  readonly #clientIds = new RecentIds(OWN_IDS);
  readonly #stopWatching: () => void;
  readonly #settings: SharedSettings;
  readonly #listener: ConnectionListener = {
    onConnecting: () => this.#onConnecting(),
    onBackoff: (reconnectAt) => this.#state.set({ reconnectAt }),
    onConnected: (welcome) => this.#onConnected(welcome),
    onPublication: (publication) => this.#onPublication(publication),
    onPresenceChange: (change) => this.rooms.onPresenceChange(change),
    onSubscribed: (channel, entrance) => this.rooms.onSubscribed(channel, entrance),
    onUnsubscribed: (channel) => this.#onUnsubscribed(channel),
    onSynced: (sync) => this.#onSynced(sync),
    onDisconnected: (code, reason) => this.#onDisconnected(code, reason),
  };
  #connection: Connection | null = null;
  #clientId: string | null = null;
  #triedAt = 0;
  #hasToken: boolean;
  #wasSynced = false;
  /** Set when a new connection cannot recover what the one before it has missed. */
  #isPositionLost = false;

  constructor(address: Address, settings: Settings) {
    this.address = address;
    this.#settings = new SharedSettings(settings, () => this.#onSettings());
    this.#hasToken = settings.getToken !== undefined;
    const { onError } = this.#settings;
    this.operations = new Operations({
      userId: address.userId,
      call: this.call,
      listener: {
        onChange: (...change) => this.toasts.update(...change),
        onForget: (id) => this.toasts.forget(id),
      },
    });
    this.toasts = new ToastController({
      adapter: new ToastQueue(() => this.#settings.current.toast ?? createDomToasts(), onError),
      operations: this.operations,
      commands: this.operations,
      realmName: () => realmName(this.#state.identity?.realm),
      onError,
    });
    this.rooms = this.#createRooms();
    this.#stopWatching = watchPage({
      onReturn: () => this.#onReturn(),
      onNetwork: () => this.#onNetwork(),
    });
  }

  get state(): Store<ConnectionState> {
    return this.#state.store;
  }

  /** The id that the server knows the open connection by; `null` without one. */
  get clientId(): string | null {
    return this.#clientId;
  }

  /** Calls one of the server's methods, waiting for a connection that is on its way. */
  readonly call: Call = async <T>(method: string, data?: unknown): Promise<T> => {
    const connection = this.#connected();
    const answer = await connection.call(method, data);
    // ended meanwhile: maybe what it was told is another identity's
    if (this.#connection !== connection) throw notConnected();
    return answer as T;
  };

  /** Hears a page's settings, over those of earlier pages, until it leaves. */
  share(settings: Settings): SettingsShare {
    return this.#settings.join(settings);
  }

  /** Sends events to these handlers too. */
  attach(handlers: HandlerSet): void {
    this.#handlerSets.add(handlers);
  }

  /** From here on, no event reaches these handlers. */
  detach(handlers: HandlerSet): void {
    this.#handlerSets.delete(handlers);
  }

  /** Makes a new connection; what the old one would have recovered counts as a gap. */
  connect(): void {
    this.#connection?.end();
    this.rooms.forgetConnection('joining');
    this.operations.onDisconnected();
    this.#clientId = null;
    this.#isPositionLost = this.#wasSynced;
    this.#triedAt = Date.now();
    this.#connection = new Connection({
      address: this.address,
      settings: () => this.#settings.current,
      onError: this.#settings.onError,
      listener: this.#listener,
    });
    this.#state.set({ status: this.#waitingStatus(), reconnectAt: null });
    this.#connection.start();
  }

  /** Tries again now: with a new connection if the last one has ended. */
  reconnect(): void {
    const { status } = this.#state;
    if (isEnded(status)) this.connect();
    else if (status !== 'live' && status !== 'resyncing') this.#connection?.restart();
  }

  /** Ends everything: at once after a switch of identity, quietly when the last page has left. */
  close(reason: 'switched' | 'unused'): void {
    this.#connection?.end();
    this.#connection = null;
    this.#clientId = null;
    this.#handlerSets.clear();
    this.rooms.forgetConnection('idle');
    this.refreshes.cancel();
    if (reason === 'switched') this.toasts.clear();
    else this.toasts.moveToBackground();
    this.operations.clear();
    this.#stopWatching();
    this.#state.set({ ...CONNECTING, status: 'closed' });
  }

  #createRooms(): Rooms {
    return new Rooms({
      userId: this.address.userId,
      clientId: () => this.#clientId,
      onError: this.#settings.onError,
      enter: (room, listener) => this.#connected().enter(room, listener),
      call: this.call,
      publish: async (room, event) => await this.#connected().publish(room, event),
      onGap: (gap) => this.#settings.tellGap(gap),
      onForgotten: (room) => this.#duplicates.forget(room),
    });
  }

  #connected(): Connection {
    if (!this.#connection || isEnded(this.#state.status)) throw notConnected();
    return this.#connection;
  }

  #onConnecting(): void {
    this.#clientId = null;
    this.operations.onDisconnected();
    this.rooms.onConnecting();
    this.#state.set({ status: this.#waitingStatus() });
  }

  #onConnected({ clientId, data, transport }: Welcome): void {
    const identity = toIdentity(data);
    if (identity?.userId !== this.address.userId) {
      this.#refuse(identity);
      return;
    }
    const before = this.#state.identity;
    if (before && !isSameRealm(before.realm, identity.realm)) {
      this.#startOver();
      return;
    }
    this.#clientId = clientId;
    this.#clientIds.add(clientId);
    this.rooms.onConnected();
    this.#state.set({ status: 'syncing', identity, transport, reconnectAt: null });
  }

  #onPublication({ channel, data, isFromClient, replayed }: Publication): void {
    const event = toReceivedEvent(channel, data, replayed);
    if (!event) {
      warn(`Ignored a publication in ${channel} that is no event.`);
      return;
    }
    if (this.#duplicates.isDuplicate(event)) return;
    const isReserved = event.type.startsWith(RESERVED);
    const room = this.rooms.get(channel);
    if (!isReserved || !isFromClient) room?.hear(event);
    if (!isReserved) this.#dispatch(event, room);
    // what another user's client says is for handlers only
    if (!isFromClient && this.#connection) this.#merge(event);
  }

  #onUnsubscribed(channel: string): void {
    this.#duplicates.forget(channel);
    this.rooms.onUnsubscribed(channel);
  }

  #onSynced({ channels, lost }: Sync): void {
    const missed = this.#isPositionLost ? channels : lost;
    const isFirst = !this.#wasSynced;
    this.#isPositionLost = false;
    this.#wasSynced = true;
    const hasGap = missed.length > 0;
    const loading = this.operations.onSynced(hasGap);
    if (hasGap) this.#resync(missed, loading);
    else this.#goLive(loading);
    this.rooms.onSynced(missed);
    if (isFirst) this.refreshes.onFirstSync();
  }

  #onDisconnected(code: number, reason: string): void {
    this.#clientId = null;
    this.operations.onDisconnected();
    this.rooms.forgetConnection('idle');
    const isAuth = isAuthFailure(code);
    if (!isAuth) warn(`The server has closed the connection: ${code} ${reason}`);
    this.#state.set({ status: isAuth ? 'auth-failed' : 'closed', reconnectAt: null });
  }

  #onReturn(): void {
    this.toasts.onReturn();
    if (!this.#connection) return;
    const { status } = this.#state;
    const isOver = status === 'auth-failed' || status === 'closed';
    // the clock may have been set back
    const isRested = Math.abs(Date.now() - this.#triedAt) >= RETRY_ENDED_MS;
    if (isOver && isRested) this.connect();
    else void this.#connection.probe();
    this.rooms.onReturn();
  }

  /** A token that comes later than the page deserves an attempt of its own. */
  #onSettings(): void {
    const hadToken = this.#hasToken;
    this.#hasToken = this.#settings.current.getToken !== undefined;
    if (!this.#connection || !this.#hasToken || hadToken) return;
    const { status } = this.#state;
    // with a connection of its own: one that was made without a token cannot refresh it
    if (status !== 'live' && status !== 'resyncing') this.connect();
  }

  #onNetwork(): void {
    const { status } = this.#state;
    const isWaiting = status === 'connecting' || status === 'reconnecting' || status === 'offline';
    if (isWaiting) this.#state.set({ status: this.#waitingStatus() });
  }

  #waitingStatus(): 'connecting' | 'reconnecting' | 'offline' {
    if (isDeviceOffline()) return 'offline';
    return this.#wasSynced ? 'reconnecting' : 'connecting';
  }

  #refuse(identity: Identity | null): void {
    this.#connection?.end();
    console.error(`[trunkline] ${mismatch(this.address.userId, identity)}`);
    this.#dropIdentity();
    this.#state.set({ status: 'identity-mismatch', reconnectAt: null });
  }

  /** The same user in another realm is another identity: nothing of the old one may stay. */
  #startOver(): void {
    this.#dropIdentity();
    this.connect();
  }

  #dropIdentity(): void {
    this.rooms.forgetConnection('idle');
    this.refreshes.cancel();
    this.toasts.clear();
    this.operations.clear();
    this.#duplicates.clear();
    this.#state.set({ identity: null });
  }

  #resync(channels: readonly string[], loading: Promise<void> | null): void {
    this.#state.set({ status: 'resyncing' });
    this.#settings.tellGap({ channels });
    const tables = new Promise<void>((done) => this.refreshes.resync(done));
    this.#goLive(Promise.all([tables, loading]));
  }

  /** When what is awaited is there, unless the connection has gone in the meantime. */
  #goLive(awaited: Promise<unknown> | null): void {
    const clientId = this.#clientId;
    const arrive = () => {
      if (this.#clientId === clientId) this.#state.set({ status: 'live' });
    };
    if (awaited) void awaited.then(arrive);
    else arrive();
  }

  /** To the handlers of everything, and to those of the room. */
  #dispatch(event: ReceivedEvent, room: Room | undefined): void {
    const connection = this.#connection;
    for (const handlerSets of room ? [this.#handlerSets, room.handlers] : [this.#handlerSets]) {
      for (const handlers of [...handlerSets]) {
        const isCurrent = () => this.#connection === connection && handlerSets.has(handlers);
        handlers.dispatch(event, isCurrent, this.#settings.onError);
      }
    }
  }

  #merge(event: ReceivedEvent): void {
    const isOwn = event.origin !== undefined && this.#clientIds.has(event.origin);
    const { onError } = this.#settings;
    // apart: whatever happens to the toasts, the tables refresh
    guard(() => this.operations.hear(event), onError);
    guard(() => {
      if (event.type === REFRESH_EVENT) this.refreshes.onSignal(event, isOwn);
      else this.refreshes.onEvent(event, isOwn);
    }, onError);
  }
}
