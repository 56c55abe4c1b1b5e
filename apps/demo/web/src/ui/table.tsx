import type { ReactNode } from 'react';
import { classNames } from './class-names.ts';

/** A column: its heading, and how it is laid out. */
export interface Column {
  readonly name: string;
  readonly className: string;
}

/** The classes of a cell; the outer ones keep their distance to the card's border. */
function cellClasses(column: Column | undefined): string {
  return classNames('px-2 first:pl-4 last:pr-4 sm:first:pl-5 sm:last:pr-5', column?.className);
}

/** The headings. */
export function TableHead({ columns }: { columns: readonly Column[] }) {
  return (
    <thead className="border-b border-line bg-raised/60 text-[0.8125rem] text-muted">
      <tr>
        {columns.map((column) => (
          <th
            key={column.name}
            scope="col"
            className={classNames(cellClasses(column), 'h-9 font-medium')}
          >
            {column.name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface TableRowProps {
  columns: readonly Column[];
  /** One for each column. */
  cells: readonly ReactNode[];
  className?: string;
}

/** A row. */
export function TableRow({ columns, cells, className }: TableRowProps) {
  return (
    <tr className={classNames('border-b border-line last:border-0', className)}>
      {columns.map((column, index) => (
        <td key={column.name} className={classNames(cellClasses(column), 'h-12 py-1.5')}>
          {cells[index]}
        </td>
      ))}
    </tr>
  );
}

interface TableSkeletonProps {
  columns: readonly Column[];
  rows: number;
}

/** Rows that are still to come. */
export function TableSkeleton({ columns, rows }: TableSkeletonProps) {
  return (
    <tbody aria-hidden="true">
      {Array.from({ length: rows }, (_, row) => (
        <TableRow
          key={row}
          columns={columns}
          cells={columns.map(({ name }) => (
            <div
              key={name}
              className="inline-block h-3 w-3/5 animate-pulse rounded-full bg-raised"
            />
          ))}
        />
      ))}
    </tbody>
  );
}
