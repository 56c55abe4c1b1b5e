import { FileUp } from 'lucide-react';
import { type ChangeEvent, useRef } from 'react';
import { dataExport, FILE_HOURS, fileUpload } from '#shared/operations';
import { useOwnOperations } from '../operations/own.ts';
import { fileOf } from '../operations/results.ts';
import type { OperationRow } from '../operations/rows.ts';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { FileItem } from './file-item.tsx';
import { useUploads } from './uploads.ts';

const TYPES = [fileUpload.type, dataExport.type];
const MAX_SHOWN = 8;

/** The user's files: uploads, and what exports have made. */
export function FilesCard() {
  const rows = useOwnOperations(TYPES).filter(isWorthShowing).slice(0, MAX_SHOWN);
  return (
    <Card aria-label="Files" className="min-w-0 overflow-hidden">
      <div className="flex flex-col gap-3 px-4 py-4 sm:px-5">
        <div>
          <h2 className="text-sm font-medium">Files</h2>
          <p className="mt-0.5 text-[0.8125rem] text-pretty text-muted">
            Your uploads and exports, kept for {FILE_HOURS} hours.
          </p>
        </div>
        <UploadButton />
      </div>
      {rows.length === 0 ? (
        <p className="border-t border-line px-4 py-4 text-[0.8125rem] text-muted sm:px-5">
          Nothing here yet: upload a file, or export the users.
        </p>
      ) : (
        <ul role="list">
          {rows.map((row) => (
            <FileItem key={row.id} row={row} />
          ))}
        </ul>
      )}
    </Card>
  );
}

/** A file, or one to come: what went wrong is told in the list of operations. */
function isWorthShowing(row: OperationRow): boolean {
  if (row.finishedAt === undefined) return true;
  const file = fileOf(row);
  return file !== null && Date.parse(file.expiresAt) > Date.now();
}

function UploadButton() {
  const input = useRef<HTMLInputElement>(null);
  const { isSending, upload } = useUploads();
  const takeFiles = (event: ChangeEvent<HTMLInputElement>) => {
    // copied first: with the value the list is emptied, so that the same file can be chosen again
    const files = [...(event.target.files ?? [])];
    event.target.value = '';
    for (const file of files) void upload(file);
  };
  return (
    <>
      <Button onClick={() => input.current?.click()}>
        <FileUp aria-hidden="true" />
        {isSending ? 'Upload another file' : 'Upload a file'}
      </Button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="File to upload"
        onChange={takeFiles}
      />
    </>
  );
}
