import { ForbiddenException } from '@nestjs/common';
import { currentPrincipal } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';

/** The tenant a request acts in. 403 for the platform's staff: they have no tenant's data. */
export function tenantOf({ realm }: Principal): string {
  if (realm.kind === 'tenant') return realm.tenantId;
  throw new ForbiddenException(
    'This belongs to a tenant, and you are signed in as platform staff: sign in with a tenant account, or open a support view.',
  );
}

/** The tenant that the code of this moment acts in, for services that are handed none. */
export function currentTenant(): string {
  return currentUser().tenantId;
}

/** Who the code of this moment acts for, and in which tenant. */
export function currentUser(): { tenantId: string; userId: string } {
  const principal = currentPrincipal();
  if (!principal)
    throw new Error('Nobody is known to act here: this runs in a request or in runAs');
  return { tenantId: tenantOf(principal), userId: principal.userId };
}
