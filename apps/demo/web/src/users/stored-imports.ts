import { useCallback, useState } from 'react';
import { type ImportResults, userImport } from '#shared/operations';
import { useOwnOperations } from '../operations/own.ts';
import { resultOf } from '../operations/results.ts';
import type { OperationRow } from '../operations/rows.ts';
import { useStart } from '../operations/starting.ts';
import { subjectOf } from '../operations/words.ts';
import { useDismissed } from '../ui/use-dismissed.ts';
import { useIsHere } from '../ui/use-is-here.ts';
import { checkSize, type ImportReport, tell } from './imports.ts';

const TYPES = [userImport.type];
/** What ended so long before the page was opened is news no more. */
const NEWS_MS = 10 * 60_000;
const MAX_REPORTS = 5;

/** The user's imports as the server has them: a reload changes nothing. */
export function useStoredImports() {
  const rows = useOwnOperations(TYPES);
  const [dismissed, closeReport] = useDismissed('reports');
  const [since] = useState(() => Date.now() - NEWS_MS);
  const start = useStart();
  const isHere = useIsHere();

  const startImport = useCallback(
    async (file: File) => {
      try {
        await start(async () => {
          checkSize(file);
          const body = { csvData: await file.text(), fileName: file.name };
          return { name: wishOf(file), path: '/api/users/imports', body };
        });
      } catch (error) {
        if (isHere.current) tell(error);
      }
    },
    [start, isHere],
  );

  return {
    running: rows.filter(({ finishedAt }) => finishedAt === undefined),
    reports: rows
      .filter(({ id, finishedAt = 0 }) => finishedAt > since && !dismissed.has(id))
      .flatMap(reportOf)
      .slice(0, MAX_REPORTS),
    startImport,
    closeReport,
  };
}

/** The same file, chosen or dropped twice in a moment, is wanted once. */
function wishOf({ name, size, lastModified }: File): string {
  return `import ${name} ${size} ${lastModified}`;
}

/** Only of what was left out there is something to report. */
function reportOf(row: OperationRow): ImportReport[] {
  const results: ImportResults | null = resultOf(userImport, row);
  if (!results || results.skipped === 0) return [];
  return [{ operationId: row.id, fileName: subjectOf(row) ?? 'the file', results }];
}
