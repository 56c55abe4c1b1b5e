import { FileDown, X } from 'lucide-react';
import { useState } from 'react';
import { dataExport, type ExportResult } from '#shared/operations';
import { DownloadLink } from '../operations/download-link.tsx';
import { useOwnOperations } from '../operations/own.ts';
import { resultOf } from '../operations/results.ts';
import type { OperationRow } from '../operations/rows.ts';
import { Button } from '../ui/button.tsx';
import { countOf, formatBytes } from '../ui/numbers.ts';
import { useDismissed } from '../ui/use-dismissed.ts';

const TYPES = [dataExport.type];
/** What ended so long before the page was opened is news no more; the page of operations has it. */
const NEWS_MS = 10 * 60_000;
const MAX_SHOWN = 3;

interface ReadyExport {
  readonly id: string;
  readonly file: ExportResult;
}

/** The exports that have just been made, to download. */
export function ReadyExports() {
  const [dismissed, dismiss] = useDismissed('exports');
  const [since] = useState(() => Date.now() - NEWS_MS);
  const ready = useOwnOperations(TYPES)
    .filter(({ id, finishedAt = 0 }) => finishedAt > since && !dismissed.has(id))
    .flatMap(readyExport)
    .slice(0, MAX_SHOWN);
  return ready.map(({ id, file }) => (
    <section
      key={id}
      data-operation={id}
      aria-label={`${file.fileName} is ready`}
      className="flex animate-appear flex-wrap items-center gap-x-3 gap-y-2 rounded-xl border border-line bg-surface py-2.5 pr-3 pl-4 text-sm shadow-card sm:pl-5"
    >
      <FileDown className="size-4 shrink-0 text-success" aria-hidden="true" />
      <p className="min-w-0 flex-[1_1_12rem] wrap-anywhere">
        <span className="font-medium">{file.fileName}</span>
        <span className="text-muted">
          {` · ${countOf(file.rows, 'user')}, ${formatBytes(file.bytes)}`}
        </span>
      </p>
      <DownloadLink file={file} />
      <Button
        variant="quiet"
        size="icon"
        aria-label={`Close the notice of ${file.fileName}`}
        onClick={() => dismiss(id)}
      >
        <X aria-hidden="true" />
      </Button>
    </section>
  ));
}

function readyExport(row: OperationRow): ReadyExport[] {
  const file = resultOf(dataExport, row);
  return file ? [{ id: row.id, file }] : [];
}
