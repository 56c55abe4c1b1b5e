const KEY = 'demo-tenant';

/** The tenant that was chosen in this tab; other tabs may work in another. */
export function readTenantChoice(): string | null {
  return sessionStorage.getItem(KEY);
}

/** Chooses a tenant for this tab, over reloads; `null`: whichever the server takes. */
export function writeTenantChoice(tenantId: string | null): void {
  if (tenantId === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, tenantId);
}
