import { describeRealm, isSameRealm, type Realm } from '@trunkline/contract';
import type { OperationContext, OperationPrincipal } from '@trunkline/operations';
import { actingAsOf, type Node } from '@trunkline/server';
import { Addresses } from './addresses.ts';
import { ambientRealm, CrossTenantError, InvalidAddressError, userIdOf } from './addressing.ts';
import { type Context, currentContext, runAs } from './context.ts';

/** A support view looks into a tenant, and changes nothing there. */
export class SupportViewError extends Error {
  override readonly name = 'SupportViewError';
  readonly code = 'SUPPORT_VIEW';

  constructor(method: string) {
    super(
      `${method} was called by a support view, which looks and changes nothing. ` +
        'If the platform itself does this, write runAsPlatform(() => …) around it, with { tenantId, userId }.',
    );
  }
}

/** An operation is somebody's, and who starts this one is anonymous: they have to log in. */
export class AnonymousOwnerError extends InvalidAddressError {}

/** What changes nothing. */
const READS: ReadonlySet<string> = new Set([
  'operations.get',
  'operations.list',
  'operations.wait',
  'operations.markSeen',
]);
const REMEDY = 'Pass { tenantId }, and for a new operation { userId }';

/** Tells the operations on whose behalf they are called: on that of the ambient context (design D5). */
export class AmbientOperationContext implements OperationContext {
  readonly #addresses: Addresses;

  constructor(node: Pick<Node, 'audit'>) {
    this.#addresses = new Addresses(node);
  }

  ownerOf(method: string, named: { userId?: string; tenantId?: string }): OperationPrincipal {
    const context = currentContext();
    refuseSupportView(method, context);
    const realm = this.#realm(method, named, context);
    const { principal } = context ?? {};
    const neighbour = principal && isSameRealm(principal.realm, realm) ? principal : null;
    const userId = Object.hasOwn(named, 'userId')
      ? userIdOf(method, named.userId)
      : actorId(method, realm, context?.isPrivileged ? null : neighbour);
    return { userId, realm, roles: neighbour?.userId === userId ? neighbour.roles : [] };
  }

  callerOf(
    method: string,
    named: { tenantId?: string },
  ): { realm: Realm; principal: OperationPrincipal | null } {
    const context = currentContext();
    if (!READS.has(method)) refuseSupportView(method, context);
    const realm = this.#realm(method, named, context);
    return { realm, principal: callerIn(realm, context) };
  }

  admit(method: string, { realm }: OperationPrincipal): void {
    const context = currentContext();
    if (!READS.has(method)) refuseSupportView(method, context);
    if (realm.kind === 'tenant') {
      this.#addresses.tenant(realm.tenantId, { method, context });
      return;
    }
    const from = context?.principal?.realm;
    if (from?.kind === 'tenant' && !context?.isPrivileged) {
      throw new CrossTenantError(method, from, realm);
    }
  }

  runAs<T>(principal: OperationPrincipal, fn: () => T): T {
    return runAs(principal, fn);
  }

  #realm(method: string, named: { tenantId?: string }, context: Context | undefined): Realm {
    if (!Object.hasOwn(named, 'tenantId')) return ambientRealm(method, context, REMEDY);
    return this.#addresses.tenant(named.tenantId, { method, context });
  }
}

/**
 * Whose eyes it is seen with; `null`: the app's own, which see everything. Those it has outside any request,
 * inside `runAsPlatform`, and for staff that names a tenant. A request of nobody never has them, whatever
 * tenant its code names: who has logged out would see more than who is logged in.
 */
function callerIn(realm: Realm, context: Context | undefined): OperationPrincipal | null {
  if (!context || context.isPrivileged) return null;
  const { principal } = context;
  if (principal && isSameRealm(principal.realm, realm)) return principal;
  return principal && principal.userId !== '' ? null : { userId: '', realm, roles: [] };
}

function actorId(method: string, realm: Realm, actor: OperationPrincipal | null): string {
  if (actor && actor.userId !== '') return actor.userId;
  const needs = `${method} needs to know whose it is`;
  if (actor) {
    throw new AnonymousOwnerError(`${needs}, and who acts here is anonymous: pass { userId }`);
  }
  throw new InvalidAddressError(
    `${needs}, and nobody of ${describeRealm(realm)} acts here: pass { userId }`,
  );
}

function refuseSupportView(method: string, context: Context | undefined): void {
  const { principal, isPrivileged } = context ?? {};
  if (principal && !isPrivileged && actingAsOf(principal)) throw new SupportViewError(method);
}
