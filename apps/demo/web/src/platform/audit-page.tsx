import { RefreshCw, ScrollText } from 'lucide-react';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { classNames } from '../ui/class-names.ts';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Page } from '../ui/page.tsx';
import { TableHead, TableRow, TableSkeleton } from '../ui/table.tsx';
import { formatSecond } from '../ui/times.ts';
import { type AuditRecord, useAudit } from './audit.ts';
import { actorOf, detailOf, titleOf } from './audit-words.ts';

const COLUMNS = [
  { name: 'When', className: 'hidden w-48 md:table-cell' },
  { name: 'What', className: 'w-1/2 max-md:pl-4 md:w-44' },
  { name: 'Who', className: 'w-1/2 max-md:pr-4 md:w-48' },
  { name: 'Details', className: 'hidden w-auto md:table-cell' },
];

/** Who did what across the wall, and who was not let do it. */
export function AuditPage() {
  const { data: records, error, refetch, isFetching } = useAudit();
  return (
    <Page
      title="Audit trail"
      lead="Denials, crossings between tenants, support views, revocations and quotas, the newest first."
      actions={
        <Button onClick={() => void refetch()} disabled={isFetching}>
          <RefreshCw className={classNames(isFetching && 'animate-spin')} aria-hidden="true" />
          Refresh
        </Button>
      }
    >
      <Card aria-label="Audit trail" className="overflow-hidden">
        {error ? (
          <Failure
            title={records ? 'The trail could not be refreshed' : 'The trail could not be loaded'}
            error={error}
            isCompact={records !== undefined}
            onRetry={() => void refetch()}
          />
        ) : null}
        {records?.length === 0 ? (
          <Empty
            icon={ScrollText}
            title="Nothing has been recorded yet"
            hint="Open a support view, or try to enter what is not yours."
          />
        ) : error && !records ? null : (
          <table className="w-full table-fixed text-left text-sm" aria-label="Audit trail">
            <TableHead columns={COLUMNS} />
            {records ? (
              <tbody>
                {records.map((record) => (
                  <RecordRow key={record.id} record={record} />
                ))}
              </tbody>
            ) : (
              <TableSkeleton columns={COLUMNS} rows={8} />
            )}
          </table>
        )}
      </Card>
    </Page>
  );
}

function RecordRow({ record }: { record: AuditRecord }) {
  const { at, outcome } = record;
  const isDenied = outcome === 'denied';
  const when = (
    <time dateTime={new Date(at).toISOString()} className="text-muted tabular-nums">
      {formatSecond(at)}
    </time>
  );
  return (
    <TableRow
      columns={COLUMNS}
      className="align-top"
      cells={[
        when,
        <div key="what" className="wrap-anywhere">
          <span className="font-medium">{titleOf(record)}</span>
          <span className={classNames('block text-xs', isDenied ? 'text-danger' : 'text-muted')}>
            {isDenied ? 'Denied' : 'Allowed'}
          </span>
          <span className="block text-xs md:hidden">{when}</span>
        </div>,
        <div key="who" className="wrap-anywhere">
          {actorOf(record)}
          <span className="mt-0.5 block text-xs text-muted md:hidden">{detailOf(record)}</span>
        </div>,
        <span key="details" className="text-muted wrap-anywhere">
          {detailOf(record)}
        </span>,
      ]}
    />
  );
}
