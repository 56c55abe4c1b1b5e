import { useMutation } from '@tanstack/react-query';
import { File, FileSpreadsheet } from 'lucide-react';
import { toast } from 'sonner';
import { fileUpload } from '#shared/operations';
import { errorMessage } from '@/api';
import { OperationCommands } from '../operations/commands.tsx';
import { DownloadLink } from '../operations/download-link.tsx';
import { OperationProgress } from '../operations/operation-progress.tsx';
import { fileOf } from '../operations/results.ts';
import type { OperationRow } from '../operations/rows.ts';
import { useStart } from '../operations/starting.ts';
import { lineOf, subjectOf } from '../operations/words.ts';
import { Button } from '../ui/button.tsx';
import { formatBytes } from '../ui/numbers.ts';
import { useNow } from '../ui/use-now.ts';

/** A file, or one on its way. */
export function FileItem({ row }: { row: OperationRow }) {
  const file = fileOf(row);
  const name = file?.fileName ?? subjectOf(row) ?? row.label;
  const Icon = /\.(csv|xlsx)$/i.test(name) ? FileSpreadsheet : File;
  return (
    <li className="flex flex-col gap-2 border-t border-line px-4 py-3 sm:px-5">
      <div className="flex items-start gap-2.5">
        <Icon className="mt-0.5 size-4 shrink-0 text-muted" aria-hidden="true" />
        <div className="min-w-0">
          <p className="text-sm font-medium wrap-anywhere">{name}</p>
          <p className="text-xs text-muted tabular-nums">
            {file ? (
              <>
                {formatBytes(file.bytes)} · <TimeLeft until={Date.parse(file.expiresAt)} />
              </>
            ) : (
              lineOf(row)
            )}
          </p>
        </div>
      </div>
      <OperationProgress row={row} />
      <div className="flex flex-wrap gap-2 empty:hidden">
        {file ? <DownloadLink file={file} /> : null}
        {file && row.type === fileUpload.type && /\.csv$/i.test(name) ? (
          <ImportButton fileId={file.fileId} name={name} />
        ) : null}
        {file ? null : <OperationCommands row={row} />}
      </div>
    </li>
  );
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function TimeLeft({ until }: { until: number }) {
  return `${Math.max(1, Math.ceil((until - useNow(MINUTE)) / HOUR))} h left`;
}

/** Imports a CSV file that is on the server already. */
function ImportButton({ fileId, name }: { fileId: string; name: string }) {
  const start = useStart();
  const importing = useMutation({
    mutationFn: () =>
      start(() => ({ name: `import ${fileId}`, path: '/api/users/imports', body: { fileId } })),
    onError: (error) => {
      toast.error('The import did not start', { description: errorMessage(error) });
    },
  });
  return (
    <Button
      size="small"
      aria-label={`Import ${name}`}
      disabled={importing.isPending}
      onClick={() => importing.mutate()}
    >
      Import users
    </Button>
  );
}
