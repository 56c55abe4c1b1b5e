import type { OperationSnapshot, Realm } from '@trunkline/contract';
import { isVisible, type Viewer } from './listing.ts';
import type { OperationPrincipal } from './principal.ts';
import type { OperationRow } from './row.ts';

/** Who asks for an operation, where the context does not say it. */
export interface AccessOptions {
  /** Who asks. Default: who acts now. */
  readonly as?: OperationPrincipal;
  /** The tenant, where nothing around the call says it. Another tenant than the context's rejects. */
  readonly tenantId?: string;
  /** Everybody's of the realm, not only what who acts may see. For the app's own code. */
  readonly anyOwner?: boolean;
}

/** Where the engine learns on whose behalf it is called. */
export interface OperationContext {
  /** Whose a new operation is. Throws where neither the call nor anything around it says so. */
  ownerOf(method: string, named: { userId?: string; tenantId?: string }): OperationPrincipal;
  /** In which realm operations are asked for, and by whom; `null`: by the app itself. */
  callerOf(
    method: string,
    named: { tenantId?: string },
  ): { readonly realm: Realm; readonly principal: OperationPrincipal | null };
  /** Throws where who acts now must not act for this principal, whom the call names. Default: everybody may. */
  admit?(method: string, principal: OperationPrincipal): void;
  /** Runs work as the owner of its operation. */
  runAs<T>(principal: OperationPrincipal, fn: () => T): T;
}

/** May this principal cancel an operation that they see, or try it again? */
export type MayControl = (
  principal: OperationPrincipal,
  action: 'cancel' | 'retry',
  operation: OperationSnapshot,
) => boolean;

/** Which rows a caller sees, and what they may do with them. */
export class Access {
  readonly #adminRoles: readonly string[];
  readonly #mayControl: MayControl | undefined;

  constructor(adminRoles: readonly string[], mayControl: MayControl | undefined) {
    this.#adminRoles = adminRoles;
    this.#mayControl = mayControl;
  }

  /** Whose eyes a list is for; `null`: all of the realm. */
  viewerOf(principal: OperationPrincipal | null): Viewer | null {
    return principal && this.#isAdmin(principal) ? null : principal;
  }

  /** Who may not even see it must not learn that it is there. */
  maySee(row: OperationRow, principal: OperationPrincipal | null): boolean {
    return !principal || this.#isAdmin(principal) || isVisible(row, principal);
  }

  mayControl(
    row: OperationRow,
    principal: OperationPrincipal | null,
    action: 'cancel' | 'retry',
  ): boolean {
    if (!principal || this.#isAdmin(principal)) return true;
    // a promise, from who does not mind the types, is no permission
    const allowed: unknown = this.#mayControl?.(principal, action, row.snapshot);
    if (this.#mayControl) return allowed === true;
    return row.snapshot.ownerId === principal.userId;
  }

  #isAdmin({ roles }: OperationPrincipal): boolean {
    return roles.some((role) => this.#adminRoles.includes(role));
  }
}

/** The context of an app without a framework: each call says itself who it is for. */
export const noContext: OperationContext = {
  ownerOf: (method) => {
    throw new TypeError(
      `${method} needs to know whose the operation is: pass { as: { userId, realm, roles } }`,
    );
  },
  callerOf: (method) => {
    throw new TypeError(`${method} needs to know who asks: pass { as: { userId, realm, roles } }`);
  },
  runAs: (_principal, fn) => fn(),
};
