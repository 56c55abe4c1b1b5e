import type { Tenant } from '../tenants.ts';

/** The tenant's name in its own colour; elsewhere than in the header too, hence `data-tenant`. */
export function TenantBadge({ tenant }: { tenant: Tenant }) {
  return (
    <span
      data-tenant={tenant.id}
      className="inline-flex h-6 items-center rounded-md border border-accent/25 bg-accent/10 px-2 text-xs font-medium text-accent"
    >
      {tenant.name}
    </span>
  );
}
