import { ListChecks } from 'lucide-react';
import { useState } from 'react';
import { useAuth } from '@/context/AuthContext';
import { FilesCard } from '../files/files-card.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Page } from '../ui/page.tsx';
import { useAllOperations } from './all.ts';
import { Filters } from './filters.tsx';
import type { ListFilter } from './listed.ts';
import { useNames } from './names.ts';
import { OperationItem } from './operation-item.tsx';
import type { OperationRow } from './rows.ts';

const EVERYTHING: ListFilter = { type: '', state: '' };

/** What takes longer: what goes on, and what has become of the rest. */
export function OperationsPage() {
  const { user } = useAuth();
  const [filter, setFilter] = useState(EVERYTHING);
  const isTenant = user !== null && user.tenantId !== null;
  return (
    <Page
      title="Operations"
      lead={leadOf(user?.role === 'admin', isTenant)}
      actions={<Filters isTenant={isTenant} filter={filter} onChange={setFilter} />}
    >
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_20rem] lg:has-[>:only-child]:grid-cols-1">
        <Lists filter={filter} isTenant={isTenant} />
        {isTenant && !user.actingAs ? <FilesCard /> : null}
      </div>
    </Page>
  );
}

function leadOf(isAdmin: boolean, isTenant: boolean): string {
  const whose = isAdmin && isTenant ? 'What everyone here has started' : 'What you have started';
  return `${whose}, while it goes on and after it has ended.`;
}

interface ListsProps {
  filter: ListFilter;
  isTenant: boolean;
}

function Lists({ filter, isTenant }: ListsProps) {
  const { running, ended, isLoading, error, reload, ...older } = useAllOperations(filter);
  const isEmpty = running.length + ended.length === 0;
  return (
    <div className="flex min-w-0 flex-col gap-5" aria-busy={isLoading}>
      {error ? (
        <Card className="overflow-hidden">
          <Failure
            title="The operations could not be loaded"
            error={error}
            isCompact={!isEmpty}
            onRetry={() => void reload()}
          />
        </Card>
      ) : null}
      <List title="In progress" rows={running} />
      <List title="Ended" rows={ended} />
      {isEmpty && !error ? (
        <Nothing isLoading={isLoading} filter={filter} isTenant={isTenant} />
      ) : null}
      {older.hasOlder ? (
        <Button
          className="self-center"
          disabled={older.isLoadingOlder}
          onClick={() => void older.loadOlder()}
        >
          {older.isLoadingOlder ? 'Loading…' : 'Load older'}
        </Button>
      ) : null}
    </div>
  );
}

function List({ title, rows }: { title: string; rows: readonly OperationRow[] }) {
  const nameOf = useNames();
  if (rows.length === 0) return null;
  return (
    <Card aria-label={title} className="overflow-hidden">
      <h2 className="border-b border-line bg-raised/60 px-4 py-2 text-[0.8125rem] font-medium text-muted sm:px-5">
        {title}
      </h2>
      {/* the role again: Safari takes a list without bullets for none */}
      <ul role="list">
        {rows.map((row) => (
          <OperationItem key={row.id} row={row} who={nameOf(row.ownerId)} />
        ))}
      </ul>
    </Card>
  );
}

function Nothing({ isLoading, filter, isTenant }: ListsProps & { isLoading: boolean }) {
  if (isLoading) return <Skeleton />;
  const isFiltered = filter.type !== '' || filter.state !== '';
  const what = isTenant
    ? 'Imports, exports and uploads appear'
    : 'The creation of a tenant appears';
  return (
    <Card>
      <Empty
        icon={ListChecks}
        title={isFiltered ? 'Nothing like that' : 'Nothing has been started yet'}
        hint={isFiltered ? 'Choose another kind or another state.' : `${what} here at once.`}
      />
    </Card>
  );
}

const SKELETON_ROWS = 4;

function Skeleton() {
  return (
    <Card aria-hidden="true">
      {Array.from({ length: SKELETON_ROWS }, (_, row) => (
        <div key={row} className="flex flex-col gap-3 border-b border-line px-5 py-4 last:border-0">
          <div className="h-3 w-2/5 animate-pulse rounded-full bg-raised" />
          <div className="h-3 w-1/4 animate-pulse rounded-full bg-raised" />
        </div>
      ))}
    </Card>
  );
}
