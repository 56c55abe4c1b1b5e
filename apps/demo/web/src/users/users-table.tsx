import {
  functionalUpdate,
  type OnChangeFn,
  type PaginationState,
  type SortingState,
  useTable,
} from '@tanstack/react-table';
import { useAuth } from '@/context/AuthContext';
import { Card } from '../ui/card.tsx';
import { Failure } from '../ui/failure.tsx';
import { countOf } from '../ui/numbers.ts';
import { columns, features } from './columns.tsx';
import { NoUsers } from './empty-states.tsx';
import { Freshness } from './freshness.tsx';
import { Pagination } from './pagination.tsx';
import { RemoveImported } from './remove-imported.tsx';
import { SearchField } from './search-field.tsx';
import { TableBody, TableHead, TableSkeleton } from './table-parts.tsx';
import { type UserRow, type UsersSort, type UsersView, useUsers } from './users.ts';

interface UsersTableProps {
  view: UsersView;
  onViewChange: (change: (view: UsersView) => UsersView) => void;
  /** When a live refresh came last, milliseconds since 1970. */
  refreshedAt: number | null;
  /** Rows that it has just changed. */
  freshIds: ReadonlySet<string>;
}

const NO_ROWS: UserRow[] = [];

/** The users of one tenant, sorted, searched and paged by the server. */
export function UsersTable({ view, onViewChange, refreshedAt, freshIds }: UsersTableProps) {
  const { user } = useAuth();
  const { data, error, isPlaceholderData, isFetching, refetch } = useUsers(view);
  const total = data?.total ?? 0;
  const pagination: PaginationState = { pageIndex: view.page - 1, pageSize: view.pageSize };
  const sorting: SortingState = [{ id: view.sort, desc: view.direction === 'desc' }];

  const onPaginationChange: OnChangeFn<PaginationState> = (updater) => {
    const { pageIndex, pageSize } = functionalUpdate(updater, pagination);
    onViewChange((current) => ({ ...current, page: pageIndex + 1, pageSize }));
  };
  const onSortingChange: OnChangeFn<SortingState> = (updater) => {
    const [sort] = functionalUpdate(updater, sorting);
    if (!sort) return;
    const direction = sort.desc ? 'desc' : 'asc';
    onViewChange((current) => ({ ...current, sort: sort.id as UsersSort, direction, page: 1 }));
  };
  const onSearch = (search: string) =>
    onViewChange((current) =>
      current.search === search ? current : { ...current, search, page: 1 },
    );

  const table = useTable({
    features,
    columns,
    data: data?.users ?? NO_ROWS,
    getRowId: ({ id }) => id,
    rowCount: total,
    manualPagination: true,
    manualSorting: true,
    enableSortingRemoval: false,
    enableMultiSort: false,
    state: { pagination, sorting },
    onPaginationChange,
    onSortingChange,
  });

  // rows were removed, and the page that was open is behind the last one
  const lastPage = Math.max(1, table.getPageCount());
  if (data && !isPlaceholderData && view.page > lastPage) {
    onViewChange((current) => ({ ...current, page: lastPage }));
  }

  return (
    <Card aria-label="Users">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-3 px-4 py-3 sm:px-5">
        <SearchField search={view.search} onSearch={onSearch} />
        <Freshness count={data && countText(total, view.search)} at={refreshedAt} />
        {user?.actingAs ? null : <RemoveImported />}
      </div>
      {error && data ? (
        <Failure
          title="The table could not be refreshed"
          error={error}
          isCompact
          className="border-t border-line"
          onRetry={() => void refetch()}
        />
      ) : null}
      <table
        className="w-full table-fixed text-left text-sm"
        aria-label="Users"
        aria-busy={isFetching}
      >
        <TableHead table={table} />
        {data ? (
          <TableBody table={table} freshIds={freshIds} isOutdated={isPlaceholderData} />
        ) : error ? null : (
          <TableSkeleton />
        )}
      </table>
      {error && !data ? (
        <Failure
          title="The users could not be loaded"
          error={error}
          className="border-t border-line"
          onRetry={() => void refetch()}
        />
      ) : null}
      {data && total === 0 ? (
        <NoUsers search={view.search} onClearSearch={() => onSearch('')} />
      ) : null}
      <Pagination table={table} isKnown={data !== undefined} />
    </Card>
  );
}

function countText(total: number, search: string): string {
  return search === '' ? countOf(total, 'user') : `${countOf(total, 'user')} found`;
}
