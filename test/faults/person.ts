import { type Channel, channelKey, PLATFORM, type Target, tenantRealm } from '@trunkline/contract';

/** Who is at a client; their token is `tenant/user` or `tenant/user/role`. */
export interface Person {
  readonly tenantId: string;
  readonly userId: string;
  readonly role?: string;
}

export function tokenOf({ tenantId, userId, role }: Person): string {
  return [tenantId, userId, ...(role === undefined ? [] : [role])].join('/');
}

/** A channel of a tenant; `''` is the platform. */
export function channelOf(tenantId: string, target: Target): Channel {
  return { realm: tenantId === '' ? PLATFORM : tenantRealm(tenantId), target };
}

/** The broker's key of what a person calls by this name: `@user`, `@all`, `@role:admins`, `live:1`. */
export function keyOf({ tenantId, userId }: Person, wireName: string): string {
  return channelKey(channelOf(tenantId, targetOf(userId, wireName)));
}

function targetOf(userId: string, wireName: string): Target {
  if (wireName === '@user') return { kind: 'user', userId };
  if (wireName === '@all') return { kind: 'all' };
  if (wireName.startsWith('@role:')) return { kind: 'role', role: wireName.slice(6) };
  return { kind: 'room', room: wireName };
}
