/** A company, or the platform itself, as the pages name it. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
}

/** The tenant of a signed-in user; `null` stands for the platform's staff. */
export function tenantOf(tenantId: string | null): Tenant {
  if (tenantId === null) return { id: 'platform', name: 'Platform' };
  return { id: tenantId, name: tenantId.charAt(0).toUpperCase() + tenantId.slice(1) };
}
