import { defineOperation } from '@trunkline/contract';
import * as z from 'zod/mini';

/** The largest CSV file that is imported, in bytes. */
export const MAX_IMPORT_BYTES: number = 20 * 1024 * 1024;

/** The largest file that is uploaded, in bytes. */
export const MAX_UPLOAD_BYTES: number = 50 * 1024 * 1024;

/** How many users an Excel file takes: it is made in memory, and all at once. */
export const MAX_XLSX_ROWS: number = 20_000;

/** How long files are kept. */
export const FILE_HOURS: number = 24;

/** A file that can be downloaded. */
const StoredFile = z.object({
  fileId: z.string(),
  fileName: z.string(),
  bytes: z.number(),
  /** Where a link gets it: it names its tenant, because a link sends no headers. */
  url: z.string(),
  /** ISO 8601. */
  expiresAt: z.string(),
});

const ImportResults = z.object({
  imported: z.number(),
  /** Rows that were not imported. */
  skipped: z.number(),
  /** Why, for the first 100 of them by line. */
  errors: z.array(z.object({ line: z.number(), reason: z.string() })),
  errorCount: z.number(),
  /** Welcome mails. One that fails does not fail the import. */
  mails: z.object({ sent: z.number(), failed: z.number() }),
});

/** What an import did: `results` of `POST /api/users/import`, `result` of the operation. */
export type ImportResults = z.infer<typeof ImportResults>;

const ImportInput = z.object({ fileId: z.string() });
export type ImportInput = z.infer<typeof ImportInput>;

/** Imports the users of a CSV file that is stored already. */
export const userImport = defineOperation('user-import', {
  label: 'User Import',
  input: ImportInput,
  result: ImportResults,
  refresh: ['users'],
  retryable: true,
  completed: importSummary,
});

/** What the users table is exported as. */
export const ExportFormat = z.enum(['csv', 'xlsx']);
export type ExportFormat = z.infer<typeof ExportFormat>;

const ExportResult = z.extend(StoredFile, { rows: z.number() });
export type ExportResult = z.infer<typeof ExportResult>;

const ExportInput = z.object({ format: ExportFormat });
export type ExportInput = z.infer<typeof ExportInput>;

/** Writes the users table into a file. */
export const dataExport = defineOperation('data-export', {
  label: 'Data Export',
  input: ExportInput,
  result: ExportResult,
  retryable: true,
  completed: ({ rows, fileName }) => `${count(rows, 'user')} exported: ${fileName} is ready.`,
});

const UploadResult = z.extend(StoredFile, { sha256: z.string() });
export type UploadResult = z.infer<typeof UploadResult>;

/** Takes in a file while its page sends it: only that page could try again. */
export const fileUpload = defineOperation('file-upload', {
  label: 'File Upload',
  result: UploadResult,
  completed: ({ fileName }) => `${fileName} has been uploaded.`,
});

const NewTenant = z.object({ id: z.string(), name: z.string() });
export type NewTenant = z.infer<typeof NewTenant>;

/** Creates a tenant with everything that it begins with. */
export const tenantCreation = defineOperation('tenant-creation', {
  label: 'Tenant Creation',
  input: NewTenant,
  result: NewTenant,
  refresh: ['tenants'],
  retryable: true,
  // its one long step is one transaction
  cancellable: false,
  completed: ({ id, name }) => `${name} is ready: admin@${id}.test can sign in.`,
});

/** What an import tells its user at the end. */
export function importSummary({ imported, skipped }: ImportResults): string {
  if (skipped === 0) return 'Users imported successfully!';
  if (imported === 0) return `No users imported: ${count(skipped, 'row')} skipped.`;
  const users = imported.toLocaleString('en');
  return `Users imported successfully! ${users} imported, ${count(skipped, 'row')} skipped.`;
}

/** A number with its noun: `1 row`, `10,000 rows`. */
function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
