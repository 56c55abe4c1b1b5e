import { type Channel, describeRealm, isSameRealm, type Realm } from '@trunkline/contract';
import type { Node, UserAddress } from '@trunkline/server';
import {
  ambientRealm,
  CrossTenantError,
  namedRealm,
  roomAddressOf,
  roomOf,
  userIdOf,
} from './addressing.ts';
import type { Context } from './context.ts';

/** Where the tenant of a call may be named. */
export interface TenantOption {
  /** The tenant, where the context does not give it. Another tenant than the context's rejects. */
  readonly tenantId?: string;
}

/** One call of the service: what it is called, what it was given, and on whose behalf it runs. */
export interface ServiceCall {
  readonly method: string;
  readonly options: TenantOption;
  readonly context: Context | undefined;
}

/** Finds out whom a call addresses. An attempt to cross from one tenant to another is put on record. */
export class Addresses {
  readonly #node: Pick<Node, 'audit'>;

  constructor(node: Pick<Node, 'audit'>) {
    this.#node = node;
  }

  /** The realm that the options name, even if they name nothing usable; else the context's. */
  realm({ method, options, context }: ServiceCall): Realm {
    if (!Object.hasOwn(options, 'tenantId')) return ambientRealm(method, context);
    return this.tenant(options.tenantId, { method, context });
  }

  /** The realm of a tenant that the call itself names. */
  tenant(tenantId: unknown, { method, context }: Omit<ServiceCall, 'options'>): Realm {
    return this.#watched(context, () => namedRealm(method, tenantId, context));
  }

  user(userId: unknown, call: ServiceCall): UserAddress {
    const id = userIdOf(call.method, userId);
    return { realm: this.realm(call), userId: id };
  }

  /** A room that users are in. */
  room(room: unknown, call: ServiceCall): Channel {
    const name = roomOf(call.method, room);
    return { realm: this.realm(call), target: { kind: 'room', room: name } };
  }

  /** A room, or one of the two spellings for a role. */
  roomOrRole(room: unknown, call: ServiceCall): Channel {
    const address = roomAddressOf(call.method, room);
    if (address.kind === 'room') return this.room(room, call);
    const realm = this.#watched(call.context, () => roleRealm(address.realm, call));
    return { realm, target: { kind: 'role', role: address.role } };
  }

  #watched<T>(context: Context | undefined, find: () => T): T {
    try {
      return find();
    } catch (error) {
      if (error instanceof CrossTenantError) this.#audit(error, context);
      throw error;
    }
  }

  #audit({ method, from, to }: CrossTenantError, context: Context | undefined): void {
    const userId = context?.principal?.userId;
    this.#node.audit({
      action: 'cross-tenant',
      outcome: 'denied',
      realm: from,
      ...(userId === undefined ? {} : { userId }),
      reason: describeRealm(to),
      details: { method },
    });
  }
}

/** A call that is bound to a tenant reaches that tenant's roles only. */
function roleRealm(realm: Realm, { method, options, context }: ServiceCall): Realm {
  if (Object.hasOwn(options, 'tenantId')) {
    const bound = namedRealm(method, options.tenantId, context);
    const leavesTenant = realm.kind === 'tenant' && !isSameRealm(bound, realm);
    if (leavesTenant) throw new CrossTenantError(method, bound, realm);
  }
  return realm.kind === 'tenant' ? namedRealm(method, realm.tenantId, context) : realm;
}
