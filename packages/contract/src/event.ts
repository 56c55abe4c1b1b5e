import type { OperationComplete, OperationError, OperationProgress } from './operation.ts';

/**
 * An app's events by type. Augment it once and every `sendTo…` and `subscribe` is checked:
 *
 * ```ts
 * declare module '@trunkline/contract' {
 *   interface Events { 'chat:message': { chatId: string; text: string } }
 * }
 * ```
 *
 * A type that is not in the map is accepted with untyped data.
 */
export interface Events {
  'operation:progress': OperationProgress;
  'operation:complete': OperationComplete;
  'operation:error': OperationError;
}

/** The data of an event type: what `Events` says, untyped when it says nothing. */
// oxlint-disable-next-line typescript/no-explicit-any -- the guide's handlers read `event.data.x`
export type EventData<T extends string> = T extends keyof Events ? Events[T] : any;

/** What an event asks of the pages that receive it. Unknown fields are kept. */
export interface EventMetadata {
  /** Shown to the user: the title of an operation's last toast. */
  message?: string;
  /** Tables whose rows changed: every mounted `useTableRefresh` of that name refetches. */
  tablesToRefresh?: readonly string[];
  /** `user` refreshes the addressed user's own pages only; default: everyone in the realm. */
  refreshScope?: 'realm' | 'user';
  [field: string]: unknown;
}

/** What an app sends: `type` is `segment(:segment)*` of `[a-z0-9._-]`, at most 128 characters. */
export type AppEvent<T extends string = string> = {
  type: T;
  metadata?: EventMetadata;
} & (undefined extends EventData<T> ? { data?: EventData<T> } : { data: EventData<T> });

/** Whom an event was addressed to. */
export type EventScope = 'user' | 'tenant' | 'platform' | 'role' | 'room';

/** An event as it travels: the app's words plus what the server adds. */
export interface Envelope<T extends string = string> {
  /** Version of this shape. */
  v: 1;
  /** ULID, unique per event. */
  id: string;
  /** When the server accepted it, milliseconds since 1970. */
  ts: number;
  type: T;
  data: EventData<T>;
  metadata?: EventMetadata;
  scope: EventScope;
  /** The tenant, absent on the platform's plane. */
  tenantId?: string;
  /** The room's name when `scope` is `room`. */
  room?: string;
  /** Client id of the connection whose HTTP request caused the event, if it said so. */
  origin?: string;
  /** Id of the user whose client published the event itself; absent when the server sent it. */
  sender?: string;
}

/** An event as a handler receives it. */
export interface ReceivedEvent<T extends string = string> extends Envelope<T> {
  /** The channel's name on the wire: `@user`, `@all`, `@role:admins` or a room. */
  channel: string;
  /** True when it was missed while disconnected and delivered by recovery. */
  replayed: boolean;
}

/** The event types that a pattern (`chat:message`, `data:*`, `*`) matches. */
type MatchingTypes<P extends string> = P extends '*'
  ? keyof Events
  : P extends `${infer Prefix}:*`
    ? Extract<keyof Events, `${Prefix}:${string}`>
    : P;

type Distribute<T extends string> = T extends string ? ReceivedEvent<T> : never;

/** What a handler of pattern `P` receives: a union for wildcards. */
export type EventFor<P extends string> = [MatchingTypes<P>] extends [never]
  ? ReceivedEvent
  : Distribute<MatchingTypes<P>>;

/** The signal on a realm's `@all` channel that rows of some tables changed (design D8). */
export interface RefreshSignal {
  tables: string[];
  /** Id of the event that caused it: a client acts on each cause once. */
  cause: string;
}

/** The event type of `RefreshSignal`. The prefix `trunkline:` is not for apps. */
export const REFRESH_EVENT = 'trunkline:refresh';

const EVENT_TYPE = /^[a-z0-9._-]+(:[a-z0-9._-]+)*$/;

/** Is this a well-formed event type? */
export function isEventType(type: unknown): type is string {
  return typeof type === 'string' && type.length <= 128 && EVENT_TYPE.test(type);
}

/** Does this pattern (`chat:message`, `data:*`, `*`) match that event type? */
export function matchesEventType(pattern: string, type: string): boolean {
  if (pattern === '*') return true;
  if (pattern.endsWith(':*')) return type.startsWith(pattern.slice(0, -1));
  return pattern === type;
}
