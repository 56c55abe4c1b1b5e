import { ChevronDown } from 'lucide-react';
import { useId, useState } from 'react';
import { Button } from '../ui/button.tsx';
import { classNames } from '../ui/class-names.ts';
import { formatAge, formatSecond } from '../ui/times.ts';
import { useNow } from '../ui/use-now.ts';
import { OperationCommands } from './commands.tsx';
import { DownloadLink } from './download-link.tsx';
import { OperationDetails } from './operation-details.tsx';
import { OperationProgress } from './operation-progress.tsx';
import { fileOf } from './results.ts';
import type { OperationRow } from './rows.ts';
import { StateBadge } from './state-badge.tsx';
import { attemptOf, durationOf, lineOf, subjectOf } from './words.ts';

interface OperationItemProps {
  row: OperationRow;
  /** Whose it is, by name. */
  who: string;
}

/** An operation in a list: what it is, where it stands, and what can be done about it. */
export function OperationItem({ row, who }: OperationItemProps) {
  const [isOpen, setIsOpen] = useState(false);
  const detailsId = useId();
  const { id, label, state } = row;
  const subject = subjectOf(row);
  const line = lineOf(row);
  const isFailure = state === 'failed' || state === 'crashed';
  const file = fileOf(row);
  return (
    <li
      data-operation={id}
      data-state={state}
      className="flex flex-col gap-2 border-b border-line px-4 py-3.5 last:border-0 sm:px-5"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <p className="min-w-0 flex-[1_1_12rem] text-sm wrap-anywhere">
          <span className="font-medium">{label}</span>
          {subject === undefined ? null : <span className="text-muted"> · {subject}</span>}
        </p>
        <div className="flex items-center gap-2 max-sm:w-full">
          <StateBadge state={state} className="mr-auto sm:mr-1" />
          {file ? <DownloadLink file={file} /> : null}
          <OperationCommands row={row} />
          <Button
            variant="quiet"
            size="icon"
            aria-label={`Details of ${label}`}
            aria-expanded={isOpen}
            aria-controls={detailsId}
            onClick={() => setIsOpen(!isOpen)}
          >
            <ChevronDown
              className={classNames('transition-transform', isOpen && 'rotate-180')}
              aria-hidden="true"
            />
          </Button>
        </div>
      </div>
      <OperationProgress row={row} />
      {line === '' ? null : (
        <p
          className={classNames(
            'text-[0.8125rem] text-pretty wrap-anywhere',
            isFailure ? 'text-danger' : 'text-muted',
          )}
        >
          {line}
        </p>
      )}
      <Facts row={row} who={who} />
      <div id={detailsId} className="empty:hidden">
        {isOpen ? <OperationDetails row={row} /> : null}
      </div>
    </li>
  );
}

/** Who, when, how long, and which try. */
function Facts({ row, who }: OperationItemProps) {
  const { createdAt, startedAt, finishedAt, attempt } = row;
  const at = finishedAt ?? createdAt;
  return (
    <ul className="flex flex-wrap text-xs text-muted tabular-nums *:not-last:after:mx-1.5 *:not-last:after:content-['·']">
      <li>{who}</li>
      <li>
        {startedAt !== undefined && finishedAt === undefined ? 'started ' : ''}
        <time dateTime={new Date(at).toISOString()} title={formatSecond(at)}>
          <Age since={at} />
        </time>
      </li>
      {startedAt === undefined ? null : (
        <li>{finishedAt === undefined ? <Running row={row} /> : durationOf(row, finishedAt)}</li>
      )}
      {attempt === 1 ? null : <li>{attemptOf(row)}</li>}
    </ul>
  );
}

const TICK_MS = 1000;

function Age({ since }: { since: number }) {
  return formatAge(useNow(10 * TICK_MS) - since);
}

function Running({ row }: { row: OperationRow }) {
  return durationOf(row, useNow(TICK_MS));
}
