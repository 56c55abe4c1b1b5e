import {
  type AppEvent,
  type Envelope,
  type EventScope,
  isEventType,
  isOperationEvent,
  type OperationProgress,
  operationEventProblem,
  REFRESH_EVENT,
  type Realm,
  type RefreshSignal,
  TYPING_EVENT,
  type TypingSignal,
} from '@trunkline/contract';
import { newEventId } from './event-id.ts';
import { serialise } from './event-json.ts';
import type { Limits } from './limits.ts';
import type { Principal } from './principal.ts';
import { memberText } from './protocol/json.ts';

/** Whom an event goes to, as its receivers will read it. */
export interface EventAddress {
  readonly realm: Realm;
  readonly scope: EventScope;
  /** The room's name when the scope is `room`. */
  readonly room?: string;
  /** Client id of the connection whose request caused the event. */
  readonly origin?: string;
}

/** An event in the form in which it travels: serialised once, before any fan-out. */
export interface SealedEvent {
  readonly id: string;
  readonly type: string;
  /** The envelope as JSON text. */
  readonly json: string;
  /** UTF-8 bytes of the JSON text. */
  readonly bytes: number;
  /** Of those that wait for a slow reader, only the newest with this key is of interest. */
  readonly conflationKey?: string;
  /** It follows another event that the tenant's rate has let pass: refused, it would leave pages stale. */
  readonly isFollowUp?: boolean;
}

/** The event is not one: wrong type or data. The message says what was expected. */
export class InvalidEventError extends TypeError {
  override readonly name = 'InvalidEventError';
  readonly code = 'INVALID_EVENT';
}

/** The event is larger than `limits.maxEventBytes`. */
export class PayloadTooLargeError extends RangeError {
  override readonly name = 'PayloadTooLargeError';
  readonly code = 'PAYLOAD_TOO_LARGE';
}

/**
 * Checks an event and puts it in its envelope. The caller's object is not kept. Throws
 * `InvalidEventError`, `EventNotSerialisableError` or `PayloadTooLargeError`.
 */
export function sealEvent(
  event: AppEvent,
  address: EventAddress,
  limits: Pick<Limits, 'maxEventBytes'>,
): SealedEvent {
  checkEvent(event);
  const sealed = seal(newEventId(), event, address, limits);
  const conflationKey = conflationKeyOf(event);
  return conflationKey === undefined ? sealed : { ...sealed, conflationKey };
}

/** A client that publishes, and where. */
export interface ClientSender {
  readonly principal: Principal;
  readonly room: string;
}

/** What a client published, in its envelope. */
interface SealedByClient {
  readonly type: string;
  /** The envelope as JSON text. */
  readonly json: string;
}

/**
 * Puts what a client published (the JSON text of `{ type, data }`) in an envelope in which it cannot
 * pose as the server: `id`, `ts` and `sender` are ours, operations, refreshes and metadata are not for
 * clients. The text of `data` stays as it came. `null`: it is no such event.
 */
export function sealClientEvent(json: string, sender: ClientSender): SealedByClient | null {
  const event: unknown = JSON.parse(json);
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return null;
  const { type } = event as { type?: unknown };
  if (!isEventType(type) || /^(operation|trunkline):/.test(type)) return null;
  if ('metadata' in event) return null;
  const head = JSON.stringify(headOf(type, sender));
  return { type, json: `${head.slice(0, -1)},"data":${memberText(json, 'data') ?? 'null'}}` };
}

/** The envelope, as JSON text, of the signal that a client begins to type, goes on, or has stopped. */
export function sealTyping(isTyping: boolean, sender: ClientSender): string {
  const data: TypingSignal = { userId: sender.principal.userId, isTyping };
  return JSON.stringify({ ...headOf(TYPING_EVENT, sender), data });
}

/**
 * The signal on a realm's `@all` channel that rows of these tables changed (design D8). `cause` is
 * the id of the event that says so; without one the signal is its own cause. Throws
 * `InvalidEventError` or `PayloadTooLargeError`.
 */
export function sealRefreshSignal(
  tables: readonly string[],
  address: Pick<EventAddress, 'realm' | 'origin'>,
  limits: Pick<Limits, 'maxEventBytes'>,
  cause?: string,
): SealedEvent {
  if (!isTableNames(tables) || tables.length === 0) {
    throw new InvalidEventError('The tables to refresh must be a list of at least one table name');
  }
  const id = newEventId();
  const scope = address.realm.kind === 'tenant' ? 'tenant' : 'platform';
  const data: RefreshSignal = { tables: [...tables], cause: cause ?? id };
  const sealed = seal(id, { type: REFRESH_EVENT, data }, { ...address, scope }, limits);
  return cause === undefined ? sealed : { ...sealed, isFollowUp: true };
}

/** The envelope of what a client says, but for its data. */
function headOf(type: string, { principal, room }: ClientSender): Omit<Envelope, 'data'> {
  const { realm, userId } = principal;
  return {
    v: 1,
    id: newEventId(),
    ts: Date.now(),
    type,
    scope: 'room',
    ...(realm.kind === 'tenant' ? { tenantId: realm.tenantId } : {}),
    room,
    sender: userId,
  };
}

function seal(
  id: string,
  { type, data, metadata }: AppEvent,
  address: EventAddress,
  { maxEventBytes }: Pick<Limits, 'maxEventBytes'>,
): SealedEvent {
  const { realm, scope, room, origin } = address;
  const envelope: Envelope = {
    v: 1,
    id,
    ts: Date.now(),
    type,
    data: data === undefined ? null : data,
    ...(metadata === undefined ? {} : { metadata }),
    scope,
    ...(realm.kind === 'tenant' ? { tenantId: realm.tenantId } : {}),
    ...(room === undefined ? {} : { room }),
    ...(origin === undefined ? {} : { origin }),
  };
  const json = serialise(type, envelope);
  const bytes = Buffer.byteLength(json);
  if (bytes > maxEventBytes) throw tooLarge(type, bytes, maxEventBytes);
  return { id, type, json, bytes };
}

/** An operation's progress outdates the one before it, unless that has something else to say. */
function conflationKeyOf({ type, data, metadata }: AppEvent): string | undefined {
  if (type !== 'operation:progress' || metadata?.tablesToRefresh) return undefined;
  const { operationId, stage = '' } = data as OperationProgress;
  return JSON.stringify([operationId, stage]);
}

function checkEvent(event: AppEvent): void {
  if (typeof event !== 'object' || event === null) {
    throw new InvalidEventError('An event is { type, data, metadata? }');
  }
  const { type, data, metadata } = event;
  if (!isEventType(type)) {
    throw new InvalidEventError(
      `An event's type is segments of a-z 0-9 . _ - joined by ":", at most 128 characters, got ${describe(type)}`,
    );
  }
  if (type.startsWith('trunkline:')) {
    throw new InvalidEventError(
      `Event types "trunkline:…" are Trunkline's own, got ${describe(type)}`,
    );
  }
  if (isOperationEvent(type)) checkOperation(type, data);
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null)) {
    throw new InvalidEventError("An event's metadata must be an object");
  }
  const tables = metadata?.tablesToRefresh;
  if (tables !== undefined && !isTableNames(tables)) {
    throw new InvalidEventError('metadata.tablesToRefresh must be an array of table names');
  }
}

function isTableNames(tables: unknown): tables is string[] {
  return Array.isArray(tables) && tables.every((name) => typeof name === 'string' && name !== '');
}

function checkOperation(type: Parameters<typeof operationEventProblem>[0], data: unknown): void {
  const problem = operationEventProblem(type, data);
  if (problem) throw new InvalidEventError(`Event ${type}: ${problem}`);
}

function tooLarge(type: string, bytes: number, maxBytes: number): PayloadTooLargeError {
  return new PayloadTooLargeError(
    `Event ${type} has ${bytes} bytes, the limit is ${maxBytes}: send a reference (an id, a URL) and let the page fetch the rest`,
  );
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 140)) : typeof value;
}
