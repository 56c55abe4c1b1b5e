import { useCallback, useState } from 'react';
import { toast } from 'sonner';
import { type ImportResults, MAX_IMPORT_BYTES } from '#shared/operations';
import { ApiError, errorMessage } from '@/api';
import { formatBytes } from '../ui/numbers.ts';
import { useIsHere } from '../ui/use-is-here.ts';

/** Answer of `POST /api/users/import`. */
export interface ImportAnswer {
  operationId: string;
  results: ImportResults;
}

/** What is left to say about an import that is over. */
export interface ImportReport extends ImportAnswer {
  fileName: string;
}

const MAX_REPORTS = 5;

/** Throws when a file is larger than the server takes, before anyone reads it. */
export function checkSize({ name, size }: File): void {
  if (size <= MAX_IMPORT_BYTES) return;
  throw new Error(
    `${name} has ${formatBytes(size)}, the limit is ${MAX_IMPORT_BYTES / 1024 / 1024} MB. ` +
      'Split it and import the parts.',
  );
}

/** The imports of this page that the guide's way runs: any number of them at once. */
export function useImports() {
  const [running, setRunning] = useState(0);
  const [reports, setReports] = useState<readonly ImportReport[]>([]);
  const isHere = useIsHere();

  const run = useCallback(
    async (fileName: string, work: () => Promise<ImportAnswer>) => {
      setRunning((count) => count + 1);
      try {
        const answer = await work();
        if (answer.results.skipped === 0) return;
        setReports((current) => [{ ...answer, fileName }, ...current].slice(0, MAX_REPORTS));
      } catch (error) {
        // whoever logged out in the meantime is not told
        if (isHere.current && !isToldByOperation(error)) tell(error);
      } finally {
        setRunning((count) => count - 1);
      }
    },
    [isHere],
  );

  const closeReport = useCallback((operationId: string) => {
    setReports((current) => current.filter((report) => report.operationId !== operationId));
  }, []);

  return { running, reports, run, closeReport };
}

/** Tells that an import did not start, or that nobody knows. */
export function tell(error: unknown): void {
  if (error instanceof ApiError && error.status === 0) {
    // The request may have arrived all the same: only the server knows.
    toast.warning('The connection was lost', {
      description: 'If the import had begun, it goes on, and its progress comes back by itself.',
    });
    return;
  }
  toast.error('The import did not start', { description: errorMessage(error) });
}

/** The server told it over the socket too: the operation's own toast says the same. */
function isToldByOperation(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const { body } = error;
  return typeof body === 'object' && body !== null && 'operationId' in body;
}
