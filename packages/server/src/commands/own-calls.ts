import { PRESENCE_CALL, TYPING_CALL } from '@trunkline/contract';
import { protocolErrors } from '../errors.ts';
import { sealTyping } from '../event.ts';
import type { RpcRequest } from '../protocol/command.ts';
import { fieldsOf } from '../protocol/json.ts';
import { rpcReply } from '../protocol/reply.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { awaitHook } from './hook.ts';
import { firstFitting, refuseTooMany, writeDone, writeLarge } from './large-reply.ts';
import { attendanceOf } from './presence.ts';
import { orTooMany, requireMember } from './publish.ts';

/** Answers one of the server's own methods, `trunkline:…`. */
export async function ownCall(
  session: Session,
  id: number,
  { method, data }: RpcRequest,
  time: TimeBudget,
): Promise<void> {
  switch (method) {
    case PRESENCE_CALL:
      return await members(session, id, roomOf(data), time);
    case TYPING_CALL:
      return await typing(session, id, { room: roomOf(data), isTyping: isTypingOf(data) }, time);
    default:
      return await answered(session, id, { method, data }, time);
  }
}

/** What another package of Trunkline answers. Throws error 104 where none does. */
async function answered(
  session: Session,
  id: number,
  { method, data }: RpcRequest,
  time: TimeBudget,
): Promise<void> {
  const { node, principal } = session;
  const own = node.ownMethods.get(method);
  if (!own) throw protocolErrors.methodNotFound;
  const { handler, hasEffect } = own;
  if (hasEffect) refuseTooMany(session);
  const call = () => handler(principal, data, { clientId: session.id });
  const answer = await awaitHook(session, time, { name: `rpc ${method}`, call });
  // What it holds may have been meant for a role that was taken away meanwhile.
  if (!principal.roles.every((role) => session.principal.roles.includes(role))) {
    throw protocolErrors.internal;
  }
  const write = hasEffect ? writeDone : writeLarge;
  write(session, rpcReply(id, answer));
}

/** Who is in a room. Of very many users so many as of clients in a `presence`; all are counted. */
async function members(
  session: Session,
  id: number,
  room: string,
  time: TimeBudget,
): Promise<void> {
  const { node } = session;
  const list = await attendanceOf(session, room, time, (attendance, key) =>
    attendance.members(key),
  );
  const { total } = list;
  const named = firstFitting(session, list.members, (member) => JSON.stringify(member));
  if (named.length < total) node.exceeded('maxPresenceClients', { client: session.id });
  writeLarge(session, rpcReply(id, { members: named, total }, room));
}

/** A subscriber tells a room whose rule lets subscribers tell it that they type, or do so no more. */
async function typing(
  session: Session,
  id: number,
  { room, isTyping }: { room: string; isTyping: boolean },
  time: TimeBudget,
): Promise<void> {
  const { node, principal } = session;
  requireMember(session, room);
  if (!node.rooms.ruleOf(room)?.typing) throw protocolErrors.notAvailable;
  const channel = { realm: principal.realm, target: { kind: 'room', room } } as const;
  const signal = sealTyping(isTyping, { principal, room });
  const publishing = node.publish(channel, signal, { volatile: true });
  await session.whileOpen(time.spend('the broker', orTooMany(publishing)));
  session.write(rpcReply(id, {}));
}

function roomOf(data: unknown): string {
  const { room } = fieldsOf(data);
  if (typeof room !== 'string') throw protocolErrors.badRequest;
  return room;
}

function isTypingOf(data: unknown): boolean {
  const { isTyping } = fieldsOf(data);
  if (typeof isTyping !== 'boolean') throw protocolErrors.badRequest;
  return isTyping;
}
