import type {
  AuditSink,
  Authenticate,
  Broker,
  DrainOptions,
  HttpFallback,
  Limits,
  LimitsFor,
  Log,
  NodeOptions,
  Principal,
  Reauthorize,
  RoomRules,
  RpcHandlers,
  SendHandler,
} from '@trunkline/server';
import type { MonitoringOptions } from '@trunkline/server/monitoring';

/** Options of `WebSocketModule.forRoot`. */
export type WebSocketModuleOptions = CommonOptions & (ListeningOptions | PublishingOptions);

interface ListeningOptions {
  /**
   * Says who a connection acts for; also asked once per HTTP request unless `principalOf` is set.
   * `null` refuses for good, throwing means "cannot tell now": the client comes back.
   */
  authenticate: Authenticate;
  /** What the nodes share. Default: memory, for a single node. */
  broker?: Broker;
  listen?: true;
}

/** A publisher without sockets, for workers and cron. */
interface PublishingOptions {
  /** Publish only. The broker must be one that nodes share. */
  listen: false;
  broker: Broker;
  /** Only for HTTP requests here. */
  authenticate?: Authenticate;
}

interface CommonOptions {
  /** Reads the principal that the app's own guard has put on an HTTP request, at first use. */
  principalOf?(request: object): Principal | null | undefined;
  /**
   * Rules of rooms by pattern (`chat:*`), first match wins; providers with `@RoomPolicy` stand behind them.
   * No rule: no client enters on its own.
   */
  rooms?: RoomRules;
  /** Rooms that a connection is subscribed to from the start. */
  roomsOf?(principal: Principal): readonly string[] | Promise<readonly string[]>;
  /**
   * Reads again what a principal may: when `refreshPermissions` says that it has changed, and at least
   * every `limits.reauthorizeIntervalMs`. `null` ends the connection. Default: both make clients come back
   * through `authenticate`.
   */
  reauthorize?: Reauthorize;
  /** Lets clients that offer it have channels by number in pushes. Default `false`. */
  channelCompaction?: boolean;
  /** What clients may call, by method, beside the providers with `@OnCall`. Default: nothing. */
  rpc?: RpcHandlers;
  /** Takes what clients send without an answer. Default: nobody, it closes with 3508. */
  onSend?: SendHandler;
  /** Where security events are put on record. Default: `pinoAudit()`, lines of JSON on standard output. */
  audit?: AuditSink;
  /**
   * What happens when a delivery is about to leave its realm, which only a bug of this server can do: the
   * connection is closed, or the whole process ends. Default `'close'`.
   */
  onIsolationViolation?: NonNullable<NodeOptions['onIsolationViolation']>;
  /** Limits that differ from the defaults. */
  limits?: Partial<Limits>;
  /** One tenant's limits that differ from these. Default: none do. */
  limitsFor?: LimitsFor;
  /**
   * Origins of pages besides the server's own, e.g. `https://app.example.com`; `['*']`: every page, but
   * none that brings a cookie.
   */
  origins?: readonly string[];
  /** Addresses or networks of proxies whose `X-Forwarded-For` counts. Default: none. */
  trustedProxies?: readonly string[];
  /** Metrics and health on a port of their own, on this machine only unless `host` says otherwise. Default: none. */
  monitoring?: MonitoringOptions;
  /** Where clients connect, whatever the global prefix. Default `/connection/websocket`. */
  path?: string;
  /**
   * Where those connect who cannot open a WebSocket; `false`: they stay out. Default: the protocol's own
   * paths, `/connection/http_stream`, `/connection/sse` and `/emulation`; with another `path`,
   * `http_stream`, `sse` and `emulation` below it.
   */
  httpFallback?: HttpFallback | false;
  /** How the node says good-bye on shutdown. Default: 5 s wait, 15 s spread, 25 s deadline. */
  drain?: DrainOptions;
  /** Default: a Nest `Logger` of the context `Trunkline`. */
  log?: Log;
}

/** Injection token of the options. */
export const OPTIONS: unique symbol = Symbol('trunkline:options');

/** Injection token of the node. Not for apps: what it publishes knows no context. */
export const NODE: unique symbol = Symbol('trunkline:node');

/** The options, or where they are missing, cannot work. Thrown at boot. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly code = 'CONFIGURATION';
}
