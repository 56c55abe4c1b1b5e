import { useEffect } from 'react';
import { Toaster, toast } from 'sonner';
import { type AuthUser, useAuth } from '@/context/AuthContext';
import { useOperationToasts } from '@/hooks/useOperationToasts';
import { LoginPage } from '../login/login-page.tsx';
import { PlatformPage } from '../platform/platform-page.tsx';
import { tenantOf } from '../tenants.ts';
import { UsersPage } from '../users/users-page.tsx';
import { ConnectionNotice } from './connection-notice.tsx';
import { Header } from './header.tsx';
import { StartPage } from './start-page.tsx';
import { UserQueries } from './user-queries.tsx';

/** What is on every page: it stays mounted when the user changes, so that the hooks see it. */
export function Layout() {
  const { user, isLoading, error } = useAuth();
  useOperationToasts(user?.id || '');
  useTenantColour(user);
  useToastsOfOneUser(user?.id);

  return (
    <>
      {user ? (
        <UserQueries key={user.id}>
          <Header user={user} />
          <ConnectionNotice userId={user.id} />
          {user.tenantId === null ? <PlatformPage /> : <UsersPage />}
        </UserQueries>
      ) : isLoading || error !== null ? (
        <StartPage error={error} />
      ) : (
        <LoginPage />
      )}
      <Toaster
        position="bottom-right"
        theme="system"
        expand
        visibleToasts={6}
        gap={10}
        closeButton
      />
    </>
  );
}

/** On the root element, because menus, dialogs and toasts are drawn outside of the page. */
function useTenantColour(user: AuthUser | null): void {
  useEffect(() => {
    const root = document.documentElement;
    if (user) root.dataset['tenant'] = tenantOf(user.tenantId).id;
    else delete root.dataset['tenant'];
  }, [user]);
}

/** The pages' own toasts leave with their user; those of operations do so by themselves. */
function useToastsOfOneUser(userId: string | undefined): void {
  useEffect(() => {
    if (userId === undefined) return undefined;
    return () => void toast.dismiss();
  }, [userId]);
}
