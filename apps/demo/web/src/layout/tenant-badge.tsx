import { colourOf, type Tenant } from '../tenants.ts';
import { classNames } from '../ui/class-names.ts';

/** How a tenant's name looks, also where it is a button. */
export const BADGE =
  'inline-flex h-6 min-w-0 items-center rounded-md border border-accent/25 bg-accent/10 px-2 text-xs font-medium text-accent';

interface TenantBadgeProps {
  tenant: Tenant;
  className?: string;
}

/** The tenant's name in its own colour; elsewhere than in the header too, hence `data-colour`. */
export function TenantBadge({ tenant, className }: TenantBadgeProps) {
  return (
    <span data-colour={colourOf(tenant)} className={classNames(BADGE, className)}>
      <span className="truncate">{tenant.name}</span>
    </span>
  );
}
