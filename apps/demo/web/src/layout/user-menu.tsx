import { ChevronDown, LogOut } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { toast } from 'sonner';
import { errorMessage } from '@/api';
import { type AuthUser, useAuth } from '@/context/AuthContext';
import { tenantOf } from '../tenants.ts';
import { Avatar } from '../ui/avatar.tsx';
import { classNames } from '../ui/class-names.ts';
import { MENU, MENU_ITEM } from '../ui/menu.ts';

/** Who is signed in, and the way out. */
export function UserMenu({ user }: { user: AuthUser }) {
  const { logout } = useAuth();
  const logOut = () => {
    logout().catch((error: unknown) => {
      toast.error('You are still logged in', { description: errorMessage(error) });
    });
  };
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger
        aria-label={`Account: ${user.name}`}
        className="flex h-9 items-center gap-2 rounded-lg pr-1.5 pl-1 text-sm transition-colors hover:bg-raised data-[state=open]:bg-raised"
      >
        <Avatar name={user.name} />
        <span className="hidden max-w-40 truncate font-medium lg:inline">{user.name}</span>
        <ChevronDown className="size-4 text-muted" aria-hidden="true" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={6} className={classNames(MENU, 'min-w-60')}>
          <div className="px-2.5 pt-1.5 pb-2.5">
            <p className="font-medium">{user.name}</p>
            <p className="text-muted">{user.email}</p>
            <p className="mt-1 text-xs text-muted">
              {tenantOf(user).name} · {user.actingAs ? 'support view' : user.role}
            </p>
          </div>
          <DropdownMenu.Separator className="-mx-1.5 mb-1.5 h-px bg-line" />
          <DropdownMenu.Item onSelect={logOut} className={MENU_ITEM}>
            <LogOut className="size-4 text-muted" aria-hidden="true" />
            Log out
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
