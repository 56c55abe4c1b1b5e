import { ChevronLeft, ChevronRight, ChevronsLeft, ChevronsRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from '../ui/button.tsx';
import { formatCount } from '../ui/numbers.ts';
import type { UserTable } from './table-parts.tsx';

const PAGE_SIZES = [25, 50, 100];

interface PaginationProps {
  table: UserTable;
  /** Has the server said how many rows there are? */
  isKnown: boolean;
}

/** Where in the rows this page is, and the way to the others. */
export function Pagination({ table, isKnown }: PaginationProps) {
  const { pageIndex, pageSize } = table.state.pagination;
  const total = table.getRowCount();
  const lastIndex = Math.max(0, table.getPageCount() - 1);
  const keepsRow = (size: number) => Math.floor((pageIndex * pageSize) / size);

  return (
    <nav
      aria-label="Pagination"
      className="flex flex-wrap items-center gap-x-5 gap-y-3 border-t border-line px-4 py-3 text-[0.8125rem] text-muted sm:px-5"
    >
      <label className="flex items-center gap-2">
        <span className="sr-only sm:not-sr-only">Rows per page</span>
        <select
          value={pageSize}
          onChange={(event) => {
            const size = Number(event.target.value);
            table.setPagination({ pageIndex: keepsRow(size), pageSize: size });
          }}
          className="h-8 rounded-lg border border-line-strong bg-surface px-2 text-ink"
        >
          {PAGE_SIZES.map((size) => (
            <option key={size} value={size}>
              {size}
            </option>
          ))}
        </select>
      </label>
      <p
        className="order-first w-full tabular-nums sm:order-none sm:ml-auto sm:w-auto"
        data-testid="row-range"
      >
        {isKnown ? rangeOf(pageIndex, pageSize, total) : '…'}
      </p>
      <div className="ml-auto flex items-center gap-1 sm:ml-0">
        <PageButton
          label="First page"
          isEnabled={pageIndex > 0}
          onClick={() => table.setPageIndex(0)}
        >
          <ChevronsLeft aria-hidden="true" />
        </PageButton>
        <PageButton
          label="Previous page"
          isEnabled={pageIndex > 0}
          onClick={() => table.setPageIndex(pageIndex - 1)}
        >
          <ChevronLeft aria-hidden="true" />
        </PageButton>
        <PageButton
          label="Next page"
          isEnabled={pageIndex < lastIndex}
          onClick={() => table.setPageIndex(pageIndex + 1)}
        >
          <ChevronRight aria-hidden="true" />
        </PageButton>
        <PageButton
          label="Last page"
          isEnabled={pageIndex < lastIndex}
          onClick={() => table.setPageIndex(lastIndex)}
        >
          <ChevronsRight aria-hidden="true" />
        </PageButton>
      </div>
    </nav>
  );
}

interface PageButtonProps {
  label: string;
  isEnabled: boolean;
  onClick: () => void;
  children: ReactNode;
}

function PageButton({ label, isEnabled, onClick, children }: PageButtonProps) {
  return (
    <Button size="icon" aria-label={label} title={label} disabled={!isEnabled} onClick={onClick}>
      {children}
    </Button>
  );
}

function rangeOf(pageIndex: number, pageSize: number, total: number): string {
  if (total === 0) return '0 of 0';
  const first = pageIndex * pageSize + 1;
  const last = Math.min(total, first + pageSize - 1);
  return `${formatCount(first)}–${formatCount(last)} of ${formatCount(total)}`;
}
