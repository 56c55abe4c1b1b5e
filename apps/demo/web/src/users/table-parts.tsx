import type { ReactTable, SortDirection } from '@tanstack/react-table';
import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react';
import { classNames } from '../ui/class-names.ts';
import { columnClasses, type features } from './columns.tsx';
import type { UserRow, UsersSort } from './users.ts';

/** The table of users, as its parts see it. */
export type UserTable = ReactTable<typeof features, UserRow>;

/** The headings: each sorts by its column. */
export function TableHead({ table }: { table: UserTable }) {
  return (
    <thead className="border-y border-line bg-raised/60 text-[0.8125rem] text-muted">
      {table.getHeaderGroups().map((group) => (
        <tr key={group.id}>
          {group.headers.map((header) => {
            const sorted = header.column.getIsSorted();
            return (
              <th
                key={header.id}
                scope="col"
                aria-sort={ariaSort(sorted)}
                className={cellClasses(header.column.id)}
              >
                <button
                  type="button"
                  onClick={header.column.getToggleSortingHandler()}
                  className={classNames(
                    '-mx-1.5 my-1 inline-flex items-center gap-1 rounded-md px-1.5 py-1 font-medium transition-colors hover:bg-raised hover:text-ink',
                    sorted && 'text-ink',
                  )}
                >
                  <table.FlexRender header={header} />
                  <SortIcon sorted={sorted} />
                </button>
              </th>
            );
          })}
        </tr>
      ))}
    </thead>
  );
}

interface TableBodyProps {
  table: UserTable;
  freshIds: ReadonlySet<string>;
  /** The rows are of the view before; the new ones are on their way. */
  isOutdated: boolean;
}

/** The rows; what a live refresh has changed lights up for a moment. */
export function TableBody({ table, freshIds, isOutdated }: TableBodyProps) {
  return (
    <tbody className={classNames('transition-opacity duration-150', isOutdated && 'opacity-50')}>
      {table.getRowModel().rows.map((row) => (
        <tr
          key={row.id}
          className={classNames(
            'border-b border-line transition-colors last:border-0 hover:bg-raised/60',
            freshIds.has(row.id) && 'animate-row-fresh',
          )}
        >
          {row.getAllCells().map((cell) => (
            <td key={cell.id} className={classNames(cellClasses(cell.column.id), 'h-12')}>
              <table.FlexRender cell={cell} />
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

const columnIds = Object.keys(columnClasses) as UsersSort[];

const SKELETON_ROWS = 10;

/** Rows that are still to come, as high as they will be. */
export function TableSkeleton() {
  return (
    <tbody aria-hidden="true">
      {Array.from({ length: SKELETON_ROWS }, (_, index) => (
        <tr key={index} className="border-b border-line last:border-0">
          {columnIds.map((id) => (
            <td key={id} className={classNames(cellClasses(id), 'h-12')}>
              <div className="h-3 w-3/5 animate-pulse rounded-full bg-raised" />
            </td>
          ))}
        </tr>
      ))}
    </tbody>
  );
}

function SortIcon({ sorted }: { sorted: false | SortDirection }) {
  const Icon = sorted === 'asc' ? ArrowUp : sorted === 'desc' ? ArrowDown : ChevronsUpDown;
  return (
    <Icon
      aria-hidden="true"
      className={classNames('size-3.5', sorted ? 'text-accent' : 'opacity-45')}
    />
  );
}

function cellClasses(columnId: string): string {
  return classNames(
    'px-2 first:pl-4 last:pr-4 sm:first:pl-5',
    columnClasses[columnId as UsersSort],
  );
}

function ariaSort(sorted: false | SortDirection): 'ascending' | 'descending' | 'none' {
  if (sorted === false) return 'none';
  return sorted === 'asc' ? 'ascending' : 'descending';
}
