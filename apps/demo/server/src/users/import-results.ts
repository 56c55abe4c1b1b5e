import type { ImportResults } from '#shared/operations';
import type { MailCount } from '@/infrastructure/mail/mail.service';
import { quoted, type SkippedRows } from './skipped-rows.ts';
import type { NewUser } from './user-row.ts';

/** How many users one statement adds: nobody else waits long for it. */
export const BATCH_SIZE = 500;

/** Of a stored result's 16 KiB. A reason may quote what a file holds, in any script. */
const MAX_ERRORS_BYTES = 15 * 1024;

/** Notes whose address of a batch is somebody's already. */
export function skipPresent(
  batch: readonly NewUser[],
  added: ReadonlySet<string>,
  skipped: SkippedRows,
): void {
  if (added.size === batch.length) return;
  for (const { email, line } of batch) {
    if (!added.has(email)) skipped.add(line, `${quoted(email)} is already a user`);
  }
}

/** What an import has come to. */
export function summarise(imported: number, skipped: SkippedRows, mails: MailCount): ImportResults {
  const { count } = skipped;
  return { imported, skipped: count, errors: skipped.first(), errorCount: count, mails };
}

/** As much of it as can be stored: of the skipped rows those that there is room for. */
export function storable(results: ImportResults): ImportResults {
  let bytes = 0;
  const errors = results.errors.filter((error) => {
    bytes += Buffer.byteLength(JSON.stringify(error)) + 1;
    return bytes <= MAX_ERRORS_BYTES;
  });
  return { ...results, errors };
}

/** How far an import is when so many of its users are in the database. */
export function savedPercentage(done: number, total: number): number {
  return 60 + Math.floor((30 * done) / total);
}
