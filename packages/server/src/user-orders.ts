import { isRealm, isReservedRoom, isRoom, isUserId } from '@trunkline/contract';
import { allDone } from './all-done.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { UserAddress } from './credentials.ts';
import { Disconnect } from './errors.ts';
import type { LocalUsers, Whom } from './local-users.ts';
import { fieldsOf, parseJson } from './protocol/json.ts';
import { requireOneLine } from './protocol/line.ts';

/** What the carrying out of orders works with. */
export interface UserOrdersOptions {
  readonly cluster: Cluster;
  readonly here: LocalUsers;
  /** The rooms that a user was put into, as the broker knows them. */
  readonly roomsOf: (user: UserAddress) => Promise<readonly string[]>;
}

/**
 * Does to users here what another node has done to them there. Each of it may come late, or twice: what the
 * broker keeps is what counts, and it says the same as long as nobody does something else.
 */
export function carryOutUserOrders({ cluster, here, roomsOf }: UserOrdersOptions): void {
  cluster.on('join', membershipOf, async ({ user, room }) => {
    // Who comes from here on finds the join in the broker.
    if (!here.has(user)) return;
    await here.inTurn(user, async () => {
      if ((await roomsOf(user)).includes(room)) await here.join(user, room);
    });
  });
  cluster.on('leave', leaveOf, async ({ user, room, isForgotten }) => {
    if (!here.has(user)) return;
    // At once, whoever let them in; what they were put into again meanwhile they come into again.
    const leaving = here.leave(user, room);
    const aligning = here.inTurn(user, async () => {
      await Promise.allSettled([leaving]);
      // A join that could not be forgotten is none that came later.
      const isIn = isForgotten && (await roomsOf(user)).includes(room);
      await (isIn ? here.join(user, room) : here.leave(user, room));
    });
    await allDone([leaving, aligning]);
  });
  cluster.on('unjoin', membershipOf, async ({ user, room }) => {
    if (!here.has(user)) return;
    await here.inTurn(user, async () => {
      if (!(await roomsOf(user)).includes(room)) await here.unjoin(user, room);
    });
  });
  cluster.on('disconnect', endingOf, async ({ whom, disconnect, at }) => {
    await here.expelLater(whom, disconnect, at);
  });
  cluster.on('refresh', userOf, async (user) => await here.refresh(user));
  cluster.on('extend', extensionOf, ({ user, expiresAt }) => here.extend(user, expiresAt));
  cluster.on('message', messageOf, ({ user, message }) => here.message(user, message));
}

function userOf(data: unknown): UserAddress | null {
  const { realm, userId } = fieldsOf(data);
  return isRealm(realm) && isUserId(userId) ? { realm, userId } : null;
}

function membershipOf(data: unknown): { user: UserAddress; room: string } | null {
  const { room } = fieldsOf(data);
  const user = userOf(data);
  return user && isRoom(room) && !isReservedRoom(room) ? { user, room } : null;
}

function leaveOf(data: unknown): { user: UserAddress; room: string; isForgotten: boolean } | null {
  const { isForgotten } = fieldsOf(data);
  const membership = membershipOf(data);
  return membership && typeof isForgotten === 'boolean' ? { ...membership, isForgotten } : null;
}

function extensionOf(data: unknown): { user: UserAddress; expiresAt: number | null } | null {
  const { expiresAt } = fieldsOf(data);
  const user = userOf(data);
  return user && (expiresAt === null || isMoment(expiresAt)) ? { user, expiresAt } : null;
}

function messageOf(data: unknown): { user: UserAddress; message: string } | null {
  const { message } = fieldsOf(data);
  const user = userOf(data);
  return user && typeof message === 'string' && isJsonLine(message) ? { user, message } : null;
}

function endingOf(data: unknown): { whom: Whom; disconnect: Disconnect; at: number } | null {
  const { realm, userId, code, reason, at } = fieldsOf(data);
  const isWhom = isRealm(realm) && (userId === undefined || isUserId(userId));
  if (!isWhom || !isMoment(at)) return null;
  const whom = { realm, ...(userId === undefined ? {} : { userId }) };
  const disconnect = disconnectOf(code, reason);
  return disconnect && { whom, disconnect, at };
}

function disconnectOf(code: unknown, reason: unknown): Disconnect | null {
  if (typeof code !== 'number' || typeof reason !== 'string') return null;
  try {
    return new Disconnect(code, reason);
  } catch {
    return null;
  }
}

/** Numbers of JSON may be too large for one: they are infinite. */
function isMoment(value: unknown): value is number {
  return Number.isFinite(value);
}

function isJsonLine(text: string): boolean {
  try {
    requireOneLine(text);
    return parseJson(text) !== undefined;
  } catch {
    return false;
  }
}
