import { Check, ChevronDown } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { type AuthUser, useAuth } from '@/context/AuthContext';
import { navigate } from '../router.tsx';
import { colourOf, tenantOf } from '../tenants.ts';
import { classNames } from '../ui/class-names.ts';
import { MENU, MENU_ITEM } from '../ui/menu.ts';
import { placeAt } from './sections.ts';
import { BADGE, TenantBadge } from './tenant-badge.tsx';

/** Where the user works, and, for members of several tenants, the way to another. */
export function TenantMenu({ user }: { user: AuthUser }) {
  const { switchTenant } = useAuth();
  const tenant = tenantOf(user);
  if (user.actingAs || user.tenants.length < 2) return <TenantBadge tenant={tenant} />;

  const select = (tenantId: string) => {
    // a chat or a product of the one tenant is none of the other's
    const place = placeAt(location.pathname, user);
    if (place?.id) navigate(place.section.path, { replace: true });
    switchTenant(tenantId);
  };
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger
        aria-label={`Tenant: ${tenant.name}. Switch to another`}
        className={classNames(
          BADGE,
          'gap-1 pr-1 hover:bg-accent/20 data-[state=open]:bg-accent/20',
        )}
      >
        <span className="truncate">{tenant.name}</span>
        <ChevronDown className="size-3.5 shrink-0" aria-hidden="true" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="start" sideOffset={6} className={classNames(MENU, 'min-w-56')}>
          <DropdownMenu.Label className="px-2.5 pt-1 pb-1.5 text-xs text-muted">
            This tab works in
          </DropdownMenu.Label>
          <DropdownMenu.RadioGroup value={tenant.id} onValueChange={select}>
            {user.tenants.map((other) => (
              <DropdownMenu.RadioItem
                key={other.id}
                value={other.id}
                data-colour={colourOf(other)}
                className={MENU_ITEM}
              >
                <span aria-hidden="true" className="size-2 rounded-full bg-accent" />
                {other.name}
                <span className="text-muted">{other.role}</span>
                <DropdownMenu.ItemIndicator className="ml-auto">
                  <Check className="size-4" aria-hidden="true" />
                </DropdownMenu.ItemIndicator>
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
