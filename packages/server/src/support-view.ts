import { PLATFORM, tenantRealm } from '@trunkline/contract';
import { type ActingAs, checkPrincipal, MAX_SUPPORT_VIEW_MS, type Principal } from './principal.ts';

/** How staff looks into a tenant. */
export interface SupportViewOptions {
  /** Why: it is put on record with each connect. */
  readonly reason: string;
  /** Milliseconds until it ends, at most 8 h; earlier with the staff's own principal. Default 30 min. */
  readonly durationMs?: number;
  /** Roles inside the tenant. Default: none. */
  readonly roles?: readonly string[];
}

const DEFAULT_DURATION_MS = 30 * 60_000;

/**
 * Staff of the platform as a principal of a tenant: another user (`support:{id}`), for a limited time, and
 * in the audit trail. The only way from one realm into another; `authenticate` returns it where the app
 * knows of a support view that is open. Throws a `TypeError` for who is no staff, for what is no tenant, for
 * an empty reason and for a duration that is none or above 8 hours.
 */
export function supportView(
  staff: Principal,
  tenantId: string,
  { reason, durationMs = DEFAULT_DURATION_MS, roles = [] }: SupportViewOptions,
): Principal {
  const { userId, realm, issuedAt, expiresAt = Infinity } = checkPrincipal(staff);
  if (realm.kind !== 'platform' || userId === '') {
    throw new TypeError("A support view is for staff: a user whose realm is { kind: 'platform' }");
  }
  if (typeof reason !== 'string' || reason.trim() === '') {
    throw new TypeError('A support view needs a reason, in words: it is put on record');
  }
  if (!(durationMs > 0 && durationMs <= MAX_SUPPORT_VIEW_MS)) {
    throw new TypeError(
      `A support view's durationMs is above 0 and at most ${MAX_SUPPORT_VIEW_MS} (8 hours), got ${String(durationMs)}`,
    );
  }
  const now = Date.now();
  const issue = issuedAt === undefined ? {} : { issuedAt };
  const actingAs: ActingAs = { userId, realm: PLATFORM, ...issue };
  return checkPrincipal({
    userId: `support:${userId}`,
    realm: tenantRealm(tenantId),
    roles,
    issuedAt: now,
    expiresAt: Math.min(now + durationMs, expiresAt),
    claims: { actingAs, reason },
  });
}
