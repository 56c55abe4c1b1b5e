import type { AuditSink } from './audit.ts';
import type { Broker, ClientInfo } from './broker/broker.ts';
import type { OnIsolationViolation } from './isolation-alarm.ts';
import type { Limits } from './limits.ts';
import type { Log } from './log.ts';
import type { Authenticate, Principal, Reauthorize } from './principal.ts';
import type { RoomRules } from './rooms.ts';
import type { RpcHandlers, SendHandler } from './rpc.ts';
import type { LimitsFor } from './tenants.ts';

/** How a node is set up. */
export interface NodeOptions {
  /** Who a connection acts for. */
  authenticate: Authenticate;
  /**
   * Reads again what a principal may, when `users.refreshPermissions` says that it has changed, and at
   * least every `limits.reauthorizeIntervalMs`. Default: the connection ends with 3011 instead, and its
   * client comes back through `authenticate`.
   */
  reauthorize?: Reauthorize;
  /** What holds for which rooms. Default: no rules, so no client enters a room on its own wish. */
  rooms?: RoomRules;
  /** Rooms that a connection is subscribed to from the start. */
  roomsOf?: (principal: Principal) => readonly string[] | Promise<readonly string[]>;
  /**
   * Lets clients that offer it have a channel's number in pushes instead of its name: a few bytes less
   * in each. Default `false`.
   */
  channelCompaction?: boolean;
  /** What clients may call. Default: nothing, every call gets error 108. */
  rpc?: RpcHandlers;
  /** Takes what clients send without an answer. Default: nobody, it closes with 3508. */
  onSend?: SendHandler;
  /** What the nodes share. Default: memory, for a single node. */
  broker?: Broker;
  /** Limits that differ from the defaults. */
  limits?: Partial<Limits>;
  /** One tenant's limits that differ from the node's. Default: none do. */
  limitsFor?: LimitsFor;
  /** Where security events are put on record. Default: `pinoAudit()`, lines of JSON on standard output. */
  audit?: AuditSink;
  /**
   * What happens beside the alarm when a delivery is about to leave its realm, which only a bug of this
   * server can do: the connection is closed, or the whole process ends with an uncaught
   * `IsolationViolationError`. Default `'close'`.
   */
  onIsolationViolation?: OnIsolationViolation;
  /** Default: the console. */
  log?: Log;
}

/** How a node publishes. */
export interface NodePublishOptions {
  /** Repeats with it on the same channel within 5 minutes are dropped. */
  readonly idempotencyKey?: string;
  /** The client that publishes; absent: the server does. */
  readonly info?: ClientInfo;
  /** Where it waits for a slow reader, it gives way to a newer publication with the same key. */
  readonly conflationKey?: string;
  /** It follows another that the tenant's rate has let pass: refused, it would leave pages stale. */
  readonly isFollowUp?: boolean;
  /** Not kept, whatever the channel keeps: no offset, at most once, never replayed. Default `false`. */
  readonly volatile?: boolean;
  /** How many replicas of the broker must have it, too; `NotDurableError` when they do not. Default 0. */
  readonly replicas?: number;
}

/** How a node says good-bye. */
export interface DrainOptions {
  /** Milliseconds between refusing new connections and closing the first. Default 5 s. */
  waitMs?: number;
  /** Milliseconds over which the closes are spread at random; fewer where the deadline is nearer. Default 15 s. */
  spreadMs?: number;
  /** Milliseconds between refusing new connections and destroying what is left. Default 25 s. */
  deadlineMs?: number;
}
