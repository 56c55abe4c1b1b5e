import { ConnectionStatus } from '@trunkline/react';
import type { AuthUser } from '@/context/AuthContext';
import { Logo } from './logo.tsx';
import { Navigation } from './navigation.tsx';
import { TenantMenu } from './tenant-menu.tsx';
import { UserMenu } from './user-menu.tsx';

/** The product, the tenant, the ways to go, the connection, and the user. */
export function Header({ user }: { user: AuthUser }) {
  return (
    <header className="sticky top-0 z-20 border-t-2 border-b border-t-accent border-b-line bg-surface/90 backdrop-blur-md">
      <div className="mx-auto flex h-14 max-w-6xl items-center gap-3 px-4 sm:px-6">
        <Logo className="size-7 shrink-0" />
        <span className="hidden font-semibold tracking-tight lg:inline">Trunkline</span>
        <TenantMenu user={user} />
        <Navigation user={user} className="ml-1 hidden md:block" />
        <div className="ml-auto flex items-center gap-2 sm:gap-4">
          <ConnectionStatus className="connection-status" />
          <UserMenu user={user} />
        </div>
      </div>
      <Navigation user={user} className="px-2 pb-1.5 md:hidden" />
    </header>
  );
}
