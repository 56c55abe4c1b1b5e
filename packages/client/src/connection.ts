import { Centrifuge, type ClientEvents, type Options, State, UnauthorizedError } from 'centrifuge';
import { notConnected, requireJson, toCallError } from './call.ts';
import { type OnError, report } from './log.ts';
import type { Address, Settings } from './settings.ts';
import {
  type Entrance,
  openSubscription,
  type PresenceChange,
  type Publication,
  type RoomListener,
  toEntrance,
  toPresenceChange,
} from './subscription.ts';
import { TransportChoice, type TransportName, transportsOf } from './transports.ts';
import { WebSocketProbe } from './web-socket-probe.ts';

/** How a connect ended: every channel, and those that could not be recovered. */
export interface Sync {
  readonly channels: readonly string[];
  readonly lost: readonly string[];
}

/** How a connection begins. */
export interface Welcome {
  /** What the server knows it by. */
  readonly clientId: string;
  readonly data: unknown;
  readonly transport: TransportName;
}

/** What a connection tells. Nothing is told after `end`. */
export interface ConnectionListener {
  onConnecting(): void;
  /** The next attempt is due then. */
  onBackoff(reconnectAt: number): void;
  /** The server's greeting, before any publication: `end` here, and none arrives. */
  onConnected(welcome: Welcome): void;
  onPublication(publication: Publication): void;
  onPresenceChange(change: PresenceChange): void;
  /** The server sends this channel of its own accord. */
  onSubscribed(channel: string, entrance: Entrance): void;
  /** It does not any more. */
  onUnsubscribed(channel: string): void;
  /** What was missed has been delivered; what comes now is live. */
  onSynced(sync: Sync): void;
  /** Over: it does not come back by itself. */
  onDisconnected(code: number, reason: string): void;
}

/** Everything that a connection needs. */
export interface ConnectionOptions {
  readonly address: Address;
  /** Read anew at each use, because a page's functions change. */
  readonly settings: () => Settings;
  readonly listener: ConnectionListener;
  readonly onError: OnError;
}

/** 1.5 times the server's ping interval: silence beyond it is suspicious. */
const SILENCE_MS = 37_500;
const TIMEOUT_CODE = 1;
/** In the place of a token until the first attempt has got one: with none at all, centrifuge asks itself. */
const NO_TOKEN_YET = '-';
/** A method of centrifuge's own; `reconnectAt` stays `null` where it does not exist. */
const GET_DELAY = '_getReconnectDelay';

/** One `Centrifuge` object: it reconnects by itself, keeps positions, and ends for good. */
export class Connection {
  readonly #centrifuge: Centrifuge;
  readonly #options: ConnectionOptions;
  readonly #choice: TransportChoice;
  /** For a better way than the one that is taken. */
  readonly #probe: WebSocketProbe;
  /** Has the attempt that runs been counted as one without an answer? */
  #hasFailed = false;
  #isEnded = false;
  #isRestarting = false;
  #isProbing = false;
  #heardAt = 0;
  #attempts = 0;
  /** Set while a connect reply is being worked through. */
  #sync: { readonly channels: string[] } | null = null;
  /** Channels with a gap that nobody has been told of yet. */
  readonly #lost = new Set<string>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const settings = options.settings();
    const { all, emulation } = transportsOf({ ...settings, url: options.address.url });
    const [{ endpoint: webSocketUrl }] = all;
    this.#choice = new TransportChoice(all);
    this.#probe = new WebSocketProbe(webSocketUrl, () => this.#improve());
    const hasToken = settings.getToken !== undefined;
    this.#centrifuge = new Centrifuge(all.length > 1 ? this.#choice.slots : webSocketUrl, {
      getData: () => this.#prepareAttempt(),
      ...(hasToken ? { token: NO_TOKEN_YET, getToken: () => this.#refreshToken() } : {}),
      ...withCookies(emulation),
    });
    this.#listen();
    this.#watchBackoff();
  }

  start(): void {
    this.#centrifuge.connect();
  }

  /** Connects again now, from the positions that it has. */
  restart(): void {
    this.#isRestarting = true;
    this.#centrifuge.disconnect();
    this.#isRestarting = false;
    this.#centrifuge.connect();
  }

  end(): void {
    this.#isEnded = true;
    this.#probe.stop();
    this.#centrifuge.disconnect();
  }

  /** Calls one of the server's methods; rejects with a `CallError`. */
  async call(method: string, data: unknown): Promise<unknown> {
    requireJson(data);
    return (await this.#command(() => this.#centrifuge.rpc(method, data))).data;
  }

  /** Says something to a room; rejects with a `CallError`. */
  async publish(room: string, data: unknown): Promise<void> {
    requireJson(data);
    await this.#command(() => this.#centrifuge.publish(room, data));
  }

  /** Asks to enter a room, again and again until the server answers; returns how to leave it. */
  enter(room: string, listener: RoomListener): () => void {
    return openSubscription(this.#centrifuge, room, listener, {
      onPublication: (publication) => this.#onPublication(publication),
      onPresenceChange: (change) => this.#options.listener.onPresenceChange(change),
      run: (react) => {
        if (!this.#isEnded) this.#guard(react);
      },
    });
  }

  /**
   * Asks the server for a sign of life if there was none for long: a timer that slept with the
   * laptop finds a dead connection much too late. Any answer will do, also an error.
   */
  async probe(): Promise<void> {
    const isSuspicious = Date.now() - this.#heardAt > SILENCE_MS;
    if (!isSuspicious || this.#isProbing || this.#centrifuge.state !== State.Connected) return;
    this.#isProbing = true;
    try {
      await this.#centrifuge.rpc('trunkline:ping', {});
    } catch (error) {
      if ((error as { code?: unknown }).code === TIMEOUT_CODE && !this.#isEnded) this.restart();
    } finally {
      this.#isProbing = false;
      this.#heardAt = Date.now();
    }
  }

  #listen(): void {
    const { listener } = this.#options;
    this.#on('connecting', () => {
      this.#sync = null;
      this.#probe.stop();
      if (!this.#isRestarting) listener.onConnecting();
    });
    this.#on('connected', ({ client: clientId, data, transport }) => {
      this.#heardAt = Date.now();
      this.#onWay(transport as TransportName);
      this.#startSync();
      listener.onConnected({ clientId, data, transport: transport as TransportName });
    });
    this.#on('error', ({ type, error }) => {
      // not opened, or open and never heard of; any other error is an answer
      const isUnanswered =
        type === 'transport' || (type === 'connect' && error.code === TIMEOUT_CODE);
      if (isUnanswered && !this.#hasFailed) this.#choice.failed();
      this.#hasFailed ||= isUnanswered;
    });
    this.#on('subscribed', (context) => {
      const { channel, wasRecovering, recovered } = context;
      this.#sync?.channels.push(channel);
      if (wasRecovering && !recovered) this.#lost.add(channel);
      listener.onSubscribed(channel, toEntrance(context));
    });
    this.#on('unsubscribed', ({ channel }) => listener.onUnsubscribed(channel));
    this.#on('publication', ({ channel, data, info }) => {
      const [isFromClient, replayed] = [info !== undefined, this.#sync !== null];
      this.#onPublication({ channel, data, isFromClient, replayed });
    });
    this.#on('join', (context) => listener.onPresenceChange(toPresenceChange(context, true)));
    this.#on('leave', (context) => listener.onPresenceChange(toPresenceChange(context, false)));
    this.#on('disconnected', ({ code, reason }) => {
      this.#sync = null;
      this.#probe.stop();
      if (!this.#isRestarting) listener.onDisconnected(code, reason);
    });
  }

  #onPublication(publication: Publication): void {
    this.#heardAt = Date.now();
    this.#options.listener.onPublication(publication);
  }

  async #command<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      const isTimeout = (error as { code?: unknown }).code === TIMEOUT_CODE;
      // it waited for a connection, which did not come
      if (isTimeout && this.#centrifuge.state !== State.Connected) throw notConnected();
      throw toCallError(error);
    }
  }

  #onWay(transport: TransportName): void {
    this.#choice.worked();
    if (transport === 'websocket') this.#probe.found();
    else this.#probe.start();
  }

  /** A WebSocket opens by now: goes on over one, from the positions that it has. */
  #improve(): void {
    this.#choice.startOver();
    this.restart();
  }

  /** centrifuge works through a connect reply in one go, so its end is the next microtask. */
  #startSync(): void {
    const sync = { channels: [] };
    this.#sync = sync;
    queueMicrotask(() => {
      if (this.#sync !== sync || this.#isEnded) return;
      this.#sync = null;
      const lost = [...this.#lost];
      this.#lost.clear();
      this.#guard(() => this.#options.listener.onSynced({ ...sync, lost }));
    });
  }

  /** A listener that throws would put centrifuge into `disconnected` for good. */
  #on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): void {
    const guarded = (context: never) => {
      if (!this.#isEnded) this.#guard(() => (listener as (context: never) => void)(context));
    };
    this.#centrifuge.on(event, guarded as ClientEvents[E]);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    report(error, this.#options.onError);
  }

  /**
   * What an attempt sends. centrifuge keeps a token of its `getToken` until the server calls it
   * expired, and asks for the data each time: so the token is got along with the data.
   */
  async #prepareAttempt(): Promise<unknown> {
    const attempt = ++this.#attempts;
    this.#hasFailed = false;
    const token = await this.#token();
    if (attempt === this.#attempts) this.#centrifuge.setToken(token);
    const { tenantId } = this.#options.address;
    return tenantId === undefined ? undefined : { tenantId };
  }

  /** Asked for where a token ends and the connection goes on; an attempt brings one with its data. */
  async #refreshToken(): Promise<string> {
    return this.#centrifuge.state === State.Connected ? await this.#token() : '';
  }

  async #token(): Promise<string> {
    const { getToken } = this.#options.settings();
    if (!getToken) return '';
    const token = await this.#ask(getToken);
    // untyped apps return undefined
    if ((token ?? null) === null) throw new UnauthorizedError('Nobody is logged in.');
    return token as string;
  }

  async #ask(getToken: () => string | null | Promise<string | null>): Promise<string | null> {
    try {
      return await getToken();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) this.#report(error);
      throw error;
    }
  }

  /** centrifuge does not say when its next attempt is due; without this, nobody knows. */
  #watchBackoff(): void {
    const internals = this.#centrifuge as unknown as Record<string, unknown>;
    const getDelay = internals[GET_DELAY];
    if (typeof getDelay !== 'function') return;
    internals[GET_DELAY] = () => {
      if (this.#choice.takeTurn()) return 0;
      const delayMs = getDelay.call(this.#centrifuge) as number;
      const tell = () => this.#options.listener.onBackoff(Date.now() + delayMs);
      if (!this.#isEnded) this.#guard(tell);
      return delayMs;
    };
  }
}

/** A WebSocket brings the browser's cookies along to any server that is asked; so do these. */
function withCookies(emulationEndpoint: string): Partial<Options> {
  if (emulationEndpoint === '') return {};
  const options: Partial<Options> = {
    emulationEndpoint,
    fetch: (url: string, init: RequestInit) => fetch(url, { ...init, credentials: 'include' }),
  };
  if (typeof EventSource !== 'function') return options;
  const eventsource = class extends EventSource {
    constructor(url: string) {
      super(url, { withCredentials: true });
    }
  };
  return { ...options, eventsource };
}
