import { ForbiddenException } from '@nestjs/common';
import type { Principal } from '@trunkline/server';

/** The tenant a request acts in. 403 for the platform's staff: they have no tenant's tables. */
export function tenantOf({ realm }: Principal): string {
  if (realm.kind === 'tenant') return realm.tenantId;
  throw new ForbiddenException(
    'Users belong to a tenant, and you are signed in as platform staff: sign in with a tenant account.',
  );
}
