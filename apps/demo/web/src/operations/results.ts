import type { OperationDefinition } from '@trunkline/contract';
import {
  dataExport,
  type ExportResult,
  fileUpload,
  tenantCreation,
  type UploadResult,
  userImport,
} from '#shared/operations';
import { countOf, formatBytes, formatCount } from '../ui/numbers.ts';
import type { OperationRow } from './rows.ts';

/** What an operation of a kind has made; `null` when it has not, or is of another kind. */
export function resultOf<Result>(
  { type, result: schema }: OperationDefinition<unknown, Result>,
  row: Pick<OperationRow, 'type' | 'state' | 'result'>,
): Result | null {
  if (row.type !== type || row.state !== 'succeeded' || !schema) return null;
  const read = schema['~standard'].validate(row.result);
  return read instanceof Promise || read.issues ? null : read.value;
}

/** The file that an operation has made or taken in. */
export function fileOf(row: OperationRow): ExportResult | UploadResult | null {
  return resultOf(dataExport, row) ?? resultOf(fileUpload, row);
}

/** Something that is said of a result: `Imported`, `9,990 users`. */
export type Fact = readonly [name: string, value: string];

/** A result as people read it. */
export function factsOf(row: OperationRow): readonly Fact[] {
  const imported = resultOf(userImport, row);
  if (imported) {
    return [
      ['Imported', countOf(imported.imported, 'user')],
      ['Skipped', countOf(imported.skipped, 'row')],
      ['Welcome mails', mailsText(imported.mails)],
    ];
  }
  const exported = resultOf(dataExport, row);
  if (exported) return [['Exported', countOf(exported.rows, 'user')], ...fileFacts(exported)];
  const uploaded = resultOf(fileUpload, row);
  if (uploaded) return [...fileFacts(uploaded), ['SHA-256', uploaded.sha256]];
  const tenant = resultOf(tenantCreation, row);
  if (tenant) return [['Admin', `admin@${tenant.id}.test`]];
  return row.state === 'succeeded' && row.result !== undefined && row.result !== null
    ? [['Result', JSON.stringify(row.result)]]
    : [];
}

function mailsText({ sent, failed }: { sent: number; failed: number }): string {
  const text = `${formatCount(sent)} sent`;
  return failed === 0 ? text : `${text}, ${formatCount(failed)} failed`;
}

function fileFacts({ fileName, bytes }: { fileName: string; bytes: number }): readonly Fact[] {
  return [
    ['File', fileName],
    ['Size', formatBytes(bytes)],
  ];
}
