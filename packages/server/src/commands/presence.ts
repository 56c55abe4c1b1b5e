import type { Attendance } from '../attendance.ts';
import type { ClientInfo } from '../broker/broker.ts';
import { protocolErrors } from '../errors.ts';
import { clientInfoBody } from '../protocol/client-info.ts';
import { presenceReply, presenceStatsReply } from '../protocol/reply.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { requireReader } from './authorize.ts';
import { firstFitting, writeLarge } from './large-reply.ts';

/** `presence`: who is in a room. Of very many, so many as the limit says; the stats count all. */
export async function presence(
  session: Session,
  id: number,
  room: string,
  time: TimeBudget,
): Promise<void> {
  const { node } = session;
  const all = await presentIn(session, room, time);
  const named = firstFitting(session, all, (info) => `"${info.client}":${clientInfoBody(info)}`);
  if (named.length < all.length) node.exceeded('maxPresenceClients', { client: session.id });
  writeLarge(session, presenceReply(id, room, named));
}

/** `presence_stats`: how many are in a room. All anonymous clients together are one user. */
export async function presenceStats(
  session: Session,
  id: number,
  room: string,
  time: TimeBudget,
): Promise<void> {
  const all = await presentIn(session, room, time);
  const users = new Set(all.map(({ user }) => user)).size;
  session.write(presenceStatsReply(id, { clients: all.length, users }));
}

/**
 * What `ask` finds out of who is present in a room that this client may read. Throws error 103, 107 or
 * 108.
 */
export async function attendanceOf<T>(
  session: Session,
  room: string,
  time: TimeBudget,
  ask: (attendance: Attendance, key: string) => Promise<T>,
): Promise<T> {
  const rule = await requireReader(session, room, time);
  if (!rule.presence) throw protocolErrors.notAvailable;
  const { node, principal } = session;
  const channel = { realm: principal.realm, target: { kind: 'room', room } } as const;
  const asking = ask(node.attendance, node.alarm.keyOf(channel, session));
  return await session.whileOpen(time.spend('the broker', asking));
}

async function presentIn(
  session: Session,
  room: string,
  time: TimeBudget,
): Promise<readonly ClientInfo[]> {
  return await attendanceOf(session, room, time, (attendance, key) => attendance.clients(key));
}
