import {
  createColumnHelper,
  rowPaginationFeature,
  rowSortingFeature,
  tableFeatures,
} from '@tanstack/react-table';
import { Avatar } from '../ui/avatar.tsx';
import { classNames } from '../ui/class-names.ts';
import { formatDay, formatMoment } from '../ui/times.ts';
import type { UserRow, UsersSort } from './users.ts';

/** What the table does itself; sorting and paging are the server's work. */
export const features = tableFeatures({ rowSortingFeature, rowPaginationFeature });

/** How a column is laid out: its share of the width, and the screens that have room for it. */
export const columnClasses: Record<UsersSort, string> = {
  name: 'w-auto sm:w-[30%]',
  email: 'hidden w-[30%] sm:table-cell',
  role: 'w-24 sm:w-28',
  department: 'hidden w-[18%] md:table-cell',
  createdAt: 'hidden w-44 lg:table-cell',
};

const helper = createColumnHelper<typeof features, UserRow>();

/** The columns of the users table. */
export const columns = helper.columns([
  helper.accessor('name', {
    header: 'Name',
    cell: ({ row }) => <Person name={row.original.name} email={row.original.email} />,
  }),
  helper.accessor('email', {
    header: 'E-mail',
    cell: ({ getValue }) => <Truncated text={getValue()} />,
  }),
  helper.accessor('role', {
    header: 'Role',
    cell: ({ getValue }) => <Role role={getValue()} />,
  }),
  helper.accessor('department', {
    header: 'Department',
    cell: ({ getValue }) => <Truncated text={getValue() ?? '–'} />,
  }),
  helper.accessor('createdAt', {
    header: 'Added',
    cell: ({ row }) => <Added at={row.original.createdAt} isImported={row.original.imported} />,
  }),
]);

function Person({ name, email }: { name: string; email: string }) {
  return (
    <div className="flex items-center gap-3">
      <Avatar name={name} />
      <div className="min-w-0">
        <div className="truncate font-medium" title={name}>
          {name}
        </div>
        <div className="truncate text-xs text-muted sm:hidden">{email}</div>
      </div>
    </div>
  );
}

function Truncated({ text }: { text: string }) {
  return (
    <div className="truncate text-muted" title={text}>
      {text}
    </div>
  );
}

const roleClasses: Record<UserRow['role'], string> = {
  admin: 'border-accent/30 bg-accent-soft text-accent',
  member: 'border-line bg-raised text-ink',
  viewer: 'border-line text-muted',
};

function Role({ role }: { role: UserRow['role'] }) {
  return (
    <span
      className={classNames(
        'inline-block rounded-md border px-1.5 py-px text-xs font-medium capitalize',
        roleClasses[role],
      )}
    >
      {role}
    </span>
  );
}

function Added({ at, isImported }: { at: string; isImported: boolean }) {
  return (
    <div className="flex items-center gap-2 whitespace-nowrap text-muted">
      <time dateTime={at} title={formatMoment(at)} className="tabular-nums">
        {formatDay(at)}
      </time>
      {isImported ? (
        <span className="rounded border border-line px-1 text-[0.6875rem] leading-4">CSV</span>
      ) : null}
    </div>
  );
}
