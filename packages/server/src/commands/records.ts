import { isReservedRoom, PRESENCE_CALL, type Target, wireName } from '@trunkline/contract';
import { type AuditEntry, actorOf } from '../audit.ts';
import { disconnects, ProtocolError, protocolErrors } from '../errors.ts';
import { actingAsOf, type Principal } from '../principal.ts';
import type { Command, ConnectRequest } from '../protocol/command.ts';
import { isOwnMethod } from '../rpc.ts';
import type { Session } from '../session.ts';

// What sessions put on record. The client itself learns no reason: forbidden and absent are one answer.

/** Why a client was denied a room, or an answer. */
type DenialReason =
  | 'reserved-name'
  | 'no-rule'
  | 'policy'
  | 'not-subscribed'
  | 'publish-off'
  | 'invalid-token'
  /** A method of the app said so. */
  | 'handler';

/** Puts on record that a command was denied, if this is what its error says. */
export function recordDenial(session: Session, command: Command, error: unknown): void {
  if (!session.isAuthenticated || !isDenial(command, error)) return;
  const room = roomOf(command);
  const reason = error === disconnects.invalidToken ? 'invalid-token' : reasonOf(session, command);
  session.node.audit({
    ...deniedTo(session, room),
    reason,
    details: {
      command: command.method,
      ...(command.method === 'rpc' ? { method: command.request.method.slice(0, 128) } : {}),
    },
  });
}

/** A room's rule has let a client in. */
export function recordJoin(session: Session, room: string): void {
  const actor = actorOf(session);
  session.node.audit({
    action: 'room-joined',
    outcome: 'allowed',
    ...actor,
    room,
    reason: 'policy',
  });
}

/** A room's rule, asked again, lets a client be in no longer. */
export function recordExclusion(session: Session, room: string): void {
  const details = { command: 'recheck' };
  session.node.audit({ ...deniedTo(session, room), reason: 'policy', details });
}

/** A connection has begun: put on record where it is a support view. */
export function recordSupportView(session: Session): void {
  const { node, principal } = session;
  const by = actingAsOf(principal);
  if (!by) return;
  const { reason } = principal.claims as { readonly reason?: unknown };
  node.audit({
    action: 'support-view',
    outcome: 'allowed',
    ...actorOf(session),
    ...(typeof reason === 'string' ? { reason } : {}),
    details: { by: { realm: by.realm, userId: by.userId }, expiresAt: principal.expiresAt },
  });
}

/**
 * A connect has asked to go on in channels that are not its own: once for all of them. So does an honest
 * client that was taken out of a room while it was away.
 */
export function recordForeignPositions(
  session: Session,
  targets: readonly Target[],
  { subs }: ConnectRequest,
): void {
  if (subs.size === 0) return;
  const own = new Set(targets.map(wireName));
  const foreign = [...subs.keys()].filter((name) => !own.has(name));
  if (foreign.length === 0) return;
  const room = foreign.find(isReservedRoom) ?? foreign[0];
  session.node.audit({
    ...deniedTo(session, room),
    reason: 'not-subscribed',
    details: { command: 'connect', channels: foreign.length },
  });
}

/** `authenticate` knows nobody, or somebody (`found`) whose access was revoked. */
export function recordFailedAuthentication(session: Session, found: Principal | null): void {
  const { node, id: clientId, address } = session;
  const who = found ? { realm: found.realm, userId: found.userId } : {};
  const reason = found ? 'revoked' : 'refused';
  node.audit({
    action: 'authentication-failed',
    outcome: 'denied',
    ...who,
    clientId,
    address,
    reason,
  });
}

/** A refresh has brought somebody else's token. */
export function recordForeignRefresh(
  session: Session,
  { userId, realm }: Principal,
  isSameTenant: boolean,
): void {
  session.node.audit({
    action: isSameTenant ? 'authentication-failed' : 'cross-tenant',
    outcome: 'denied',
    ...actorOf(session),
    reason: 'refresh-as-another',
    details: { asked: { realm, userId } },
  });
}

function isDenial(command: Command, error: unknown): boolean {
  if (error === disconnects.invalidToken) return roomOf(command) !== undefined;
  return error instanceof ProtocolError && error.code === protocolErrors.permissionDenied.code;
}

function deniedTo(
  session: Session,
  room: string | undefined,
): Pick<AuditEntry, 'action' | 'outcome' | 'room'> {
  const isReserved = room !== undefined && isReservedRoom(room);
  return {
    action: isReserved ? 'cross-tenant' : 'access-denied',
    outcome: 'denied',
    ...actorOf(session),
    ...(room === undefined ? {} : { room }),
  };
}

function reasonOf(session: Session, command: Command): DenialReason {
  const room = roomOf(command);
  if (room === undefined) return 'handler';
  if (room.startsWith('@') || isReservedRoom(room)) return 'reserved-name';
  if (command.method === 'publish' && session.subscriptions.get(room)) return 'publish-off';
  if (isForSubscribers(command)) return 'not-subscribed';
  return session.node.rooms.ruleOf(room)?.authorize ? 'policy' : 'no-rule';
}

/** Is it asked of who is in the room already, rather than of the room's rule? */
function isForSubscribers(command: Command): boolean {
  const { method } = command;
  if (method === 'rpc') return command.request.method !== PRESENCE_CALL;
  return method === 'publish' || method === 'sub_refresh';
}

/** The room that a command is about; of an app's own methods nobody knows. */
function roomOf(command: Command): string | undefined {
  switch (command.method) {
    case 'subscribe':
    case 'publish':
    case 'history':
    case 'sub_refresh':
      return command.request.channel;
    case 'presence':
    case 'presence_stats':
      return command.channel;
    case 'rpc':
      return isOwnMethod(command.request.method) ? roomIn(command.request.data) : undefined;
    default:
      return undefined;
  }
}

function roomIn(data: unknown): string | undefined {
  const { room } = (data ?? {}) as { readonly room?: unknown };
  return typeof room === 'string' ? room : undefined;
}
