import { FileSpreadsheet, LoaderCircle, Upload } from 'lucide-react';
import { type ChangeEvent, useRef, useState } from 'react';
import { toast } from 'sonner';
import { errorMessage } from '@/api';
import { OperationProgress } from '../operations/operation-progress.tsx';
import type { OperationRow } from '../operations/rows.ts';
import { attemptOf, lineOf, subjectOf } from '../operations/words.ts';
import { Button } from '../ui/button.tsx';
import { type ImportWay, ImportWayChoice } from './import-way.tsx';
import { fetchSample, type Sample, sampleUrl } from './sample.ts';

const LINK =
  'font-medium text-ink underline decoration-line-strong underline-offset-3 hover:decoration-ink';

interface ImportCardProps {
  /** How many imports wait for the answer of their request. */
  running: number;
  /** The stored ones that are under way. */
  operations: readonly OperationRow[];
  way: ImportWay;
  onWayChange: (way: ImportWay) => void;
  onFiles: (files: Iterable<File>) => void;
}

/** Where an import starts: a file of one's own, or the sample. */
export function ImportCard(props: ImportCardProps) {
  const { running, operations, way, onWayChange, onFiles } = props;
  const input = useRef<HTMLInputElement>(null);
  const [isFetching, setIsFetching] = useState(false);
  const count = running + operations.length;

  const takeFiles = (event: ChangeEvent<HTMLInputElement>) => {
    // copied first: with the value the list is emptied, so that the same file can be chosen again
    const files = [...(event.target.files ?? [])];
    event.target.value = '';
    onFiles(files);
  };

  const importSample = async (sample: Sample) => {
    setIsFetching(true);
    try {
      onFiles([await fetchSample(sample)]);
    } catch (error) {
      toast.error('The sample could not be loaded', { description: errorMessage(error) });
    } finally {
      setIsFetching(false);
    }
  };

  return (
    <section
      aria-label="Import users"
      className="flex flex-wrap items-center gap-x-4 gap-y-4 rounded-xl border border-line bg-surface px-4 py-4 shadow-card sm:px-5"
    >
      <span className="hidden size-10 items-center justify-center rounded-lg bg-raised text-muted sm:flex">
        <FileSpreadsheet className="size-5" aria-hidden="true" />
      </span>
      <div className="min-w-0 flex-[1_1_18rem]">
        <h2 className="flex items-center gap-2 text-sm font-medium">
          Import users
          {count === 0 ? null : <Running count={count} />}
        </h2>
        <p className="mt-0.5 text-[0.8125rem] text-muted">
          <span className="block pointer-coarse:hidden">
            Drop CSV files anywhere on this page, up to 20 MB each.
          </span>
          <a href={sampleUrl('users-10000.csv')} download className={LINK}>
            Download the sample
          </a>{' '}
          or{' '}
          <button
            type="button"
            onClick={() => void importSample('users-bad-rows.csv')}
            disabled={isFetching}
            className={LINK}
          >
            import a file with mistakes
          </button>
        </p>
      </div>
      <div className="flex w-full flex-wrap gap-2 *:grow sm:w-auto">
        <Button onClick={() => void importSample('users-10000.csv')} disabled={isFetching}>
          Import the 10,000-row sample
        </Button>
        <Button variant="primary" onClick={() => input.current?.click()}>
          <Upload aria-hidden="true" />
          Import CSV file
        </Button>
        <input
          ref={input}
          type="file"
          accept=".csv,text/csv"
          multiple
          hidden
          aria-label="CSV file"
          onChange={takeFiles}
        />
      </div>
      <ImportWayChoice way={way} onChange={onWayChange} />
      {operations.length === 0 ? null : <RunningImports operations={operations} />}
    </section>
  );
}

function RunningImports({ operations }: Pick<ImportCardProps, 'operations'>) {
  return (
    <ul role="list" aria-label="Running imports" className="flex w-full flex-col gap-3">
      {operations.map((row) => (
        <li key={row.id} className="rounded-lg bg-raised/60 px-3.5 py-2.5">
          <p className="mb-1.5 text-[0.8125rem] wrap-anywhere">
            <span className="font-medium">{subjectOf(row) ?? row.label}</span>
            <span className="text-muted">{` · ${doingOf(row)}`}</span>
          </p>
          <OperationProgress row={row} />
        </li>
      ))}
    </ul>
  );
}

function doingOf(row: OperationRow): string {
  return [attemptOf(row), row.state === 'cancelling' ? 'cancelling…' : lineOf(row)]
    .filter((text) => text !== '')
    .join(': ');
}

function Running({ count }: { count: number }) {
  return (
    <span className="inline-flex items-center gap-1.5 rounded-full bg-accent-soft px-2 py-0.5 text-xs font-medium text-accent">
      <LoaderCircle className="size-3 animate-spin" aria-hidden="true" />
      {count === 1 ? 'Import running' : `${count} imports running`}
    </span>
  );
}
