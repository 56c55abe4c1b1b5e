import type { Principal } from '@trunkline/server';
import type { StoredFile } from './file-store.ts';

/**
 * May somebody have this file? Its owner and the tenant's admins may: the same who see the operation that
 * names it. What an import reads is for the import alone.
 */
export function mayRead({ kind, ownerId, tenantId }: StoredFile, principal: Principal): boolean {
  const { realm, userId, roles } = principal;
  if (kind === 'import' || realm.kind !== 'tenant' || realm.tenantId !== tenantId) return false;
  return userId === ownerId || roles.includes('admins');
}
