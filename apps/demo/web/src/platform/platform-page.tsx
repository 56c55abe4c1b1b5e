import { Building2 } from 'lucide-react';
import { useAuth } from '@/context/AuthContext';
import { useTableRefresh } from '@/hooks/useTableRefresh';
import { TenantBadge } from '../layout/tenant-badge.tsx';
import { Card } from '../ui/card.tsx';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { formatCount } from '../ui/numbers.ts';
import { Page } from '../ui/page.tsx';
import { TableHead, TableRow, TableSkeleton } from '../ui/table.tsx';
import { formatDay } from '../ui/times.ts';
import { Announcement } from './announcement.tsx';
import { NewTenant } from './new-tenant.tsx';
import { PlatformAlert } from './platform-alert.tsx';
import { SupportView } from './support-view.tsx';
import { useTenants } from './tenants.ts';

const COLUMNS = [
  { name: 'Tenant', className: 'w-auto' },
  { name: 'Users', className: 'hidden w-24 text-right sm:table-cell' },
  { name: 'Created', className: 'hidden w-36 pl-6 md:table-cell' },
  { name: 'Actions', className: 'w-28 text-right sm:w-72' },
];

/** What the platform's staff do: from outside, and never by chance inside a tenant. */
export function PlatformPage() {
  const { user } = useAuth();
  const { data: tenants, error, refetch } = useTenants();
  useTableRefresh(user?.id || '', 'tenants', () => refetch());

  return (
    <Page
      title="Tenants"
      lead="From the platform’s side of the wall: nothing of a tenant reaches you without a support view."
      actions={
        <>
          <PlatformAlert />
          <NewTenant />
        </>
      }
    >
      <Card aria-label="Tenants" className="overflow-hidden">
        {error ? (
          <Failure
            title={tenants ? 'The table could not be refreshed' : 'The tenants could not be loaded'}
            error={error}
            isCompact={tenants !== undefined}
            onRetry={() => void refetch()}
          />
        ) : null}
        {tenants?.length === 0 ? (
          <Empty icon={Building2} title="No tenants yet" hint="Create the first one." />
        ) : error && !tenants ? null : (
          <table className="w-full table-fixed text-left text-sm" aria-label="Tenants">
            <TableHead columns={COLUMNS} />
            {tenants ? (
              <tbody>
                {tenants.map((tenant) => (
                  <TableRow
                    key={tenant.id}
                    columns={COLUMNS}
                    cells={[
                      <div key="name" className="min-w-0">
                        <TenantBadge tenant={tenant} className="max-w-full" />
                        <span className="ml-2 hidden font-mono text-xs text-muted lg:inline">
                          {tenant.id}
                        </span>
                      </div>,
                      <span key="users" className="tabular-nums">
                        {formatCount(tenant.users)}
                      </span>,
                      <time key="created" dateTime={tenant.createdAt} className="text-muted">
                        {formatDay(tenant.createdAt)}
                      </time>,
                      <div key="actions" className="flex justify-end gap-1">
                        <Announcement tenant={tenant} />
                        <SupportView tenant={tenant} />
                      </div>,
                    ]}
                  />
                ))}
              </tbody>
            ) : (
              <TableSkeleton columns={COLUMNS} rows={3} />
            )}
          </table>
        )}
      </Card>
    </Page>
  );
}
