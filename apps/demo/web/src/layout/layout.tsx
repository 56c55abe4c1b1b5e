import { useEffect } from 'react';
import { Toaster, toast } from 'sonner';
import { type AuthUser, useAuth } from '@/context/AuthContext';
import { useOperationToasts } from '@/hooks/useOperationToasts';
import { LoginPage } from '../login/login-page.tsx';
import { withDownload } from '../operations/toast-actions.ts';
import { navigate } from '../router.tsx';
import { colourOf, tenantOf } from '../tenants.ts';
import { sessionKey } from './session.tsx';
import { StartPage } from './start-page.tsx';
import { Workplace } from './workplace.tsx';

/** What is on every page: it stays mounted when the user changes, so that the hooks see it. */
export function Layout() {
  const { user, isLoading, error, lost } = useAuth();
  useOperationToasts(user?.id || '', {
    onShowAll: () => navigate('/operations'),
    render: withDownload,
  });
  useTenantColour(user);
  useLostTenant(lost);

  return (
    <>
      {user ? (
        <Workplace key={sessionKey(user)} user={user} />
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
    if (user) root.dataset['colour'] = colourOf(tenantOf(user));
    else delete root.dataset['colour'];
  }, [user]);
}

/** Says it when the server has closed a tenant to somebody who was in it. */
function useLostTenant(lost: AuthUser | null): void {
  useEffect(() => {
    if (!lost) return;
    const { name } = tenantOf(lost);
    if (lost.actingAs) toast.info(`The support view of ${name} has ended`);
    else toast.warning(`You do not belong to ${name} any more`, { duration: 10_000 });
  }, [lost]);
}
