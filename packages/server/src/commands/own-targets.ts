import { isReservedRoom, isRoom, type Target } from '@trunkline/contract';
import type { Principal } from '../principal.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { awaitHook } from './hook.ts';

/**
 * The channels that a principal has from the start: its own, its realm's, its roles', and the rooms that
 * `roomsOf` names or `joinRoom` has put it into.
 */
export async function ownTargets(
  session: Session,
  principal: Principal,
  time: TimeBudget,
): Promise<Target[]> {
  const { userId, roles } = principal;
  const call = () => session.node.roomsOf(principal);
  const [rooms, joins] = await Promise.all([
    awaitHook(session, time, { name: 'roomsOf', call }),
    time.spend('the broker', session.node.users.roomsOf(principal)),
  ]);
  const fixed: Target[] = [
    ...(userId === '' ? [] : [{ kind: 'user', userId } as const]),
    { kind: 'all' },
    ...[...new Set(roles)].map((role) => ({ kind: 'role', role }) as const),
    ...usableRooms(session, rooms).map((room) => ({ kind: 'room', room }) as const),
  ];
  const named = new Set(rooms);
  const others = joins.filter((room) => !named.has(room));
  return [...fixed, ...thatFit(session, fixed.length, others)];
}

// Membership is the app's decision and a bad name no reason to keep a user out.
function usableRooms({ node }: Session, rooms: readonly string[]): string[] {
  return [...new Set<unknown>(rooms)].filter((room): room is string => {
    if (isRoom(room) && !isReservedRoom(room)) return true;
    node.log.warn('room_skipped', { hook: 'roomsOf', room: String(room).slice(0, 128) });
    return false;
  });
}

// Joins pile up over time: one too many must not shut the user out.
function thatFit(session: Session, taken: number, rooms: readonly string[]): Target[] {
  const space = Math.max(0, session.node.limits.maxSubscriptions - taken);
  if (rooms.length > space) session.exceeded('maxSubscriptions');
  return rooms.slice(0, space).map((room) => ({ kind: 'room', room }));
}
