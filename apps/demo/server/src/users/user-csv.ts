import { setImmediate as nextTurn } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import { MAX_IMPORT_BYTES } from '#shared/operations';
import { ImportRejectedError } from './import-rejected.error.ts';
import { quoted, type SkippedRows } from './skipped-rows.ts';

/** The columns of a users file. The last two may be absent. */
const COLUMNS = ['email', 'name', 'role', 'department'] as const;

type Column = (typeof COLUMNS)[number];

/** A row as it stands in the file. */
export interface CsvRow {
  readonly line: number;
  readonly fields: Partial<Record<Column, string>>;
}

/** No user needs more; a quote that is never closed would otherwise eat the file. */
const MAX_ROW_BYTES = 64 * 1024;
/** About a millisecond of parsing. */
const CHUNK_BYTES = 32 * 1024;

/**
 * Reads a users file. What is no such file throws `ImportRejectedError`; a row with too few or too
 * many columns is skipped.
 */
export async function parseUserCsv(csvData: unknown, skipped: SkippedRows): Promise<CsvRow[]> {
  const bytes = csvBytes(csvData);
  let columns: Column[] | undefined;
  const rows: CsvRow[] = [];
  for await (const records of parseInTurns(bytes)) {
    for (const { line, values } of records) {
      if (!columns) columns = checkedHeader(values);
      else if (values.length !== columns.length) skipped.add(line, wrongCount(values, columns));
      else rows.push({ line, fields: fieldsOf(values, columns) });
    }
  }
  if (!columns) throw new ImportRejectedError('The file is empty');
  if (rows.length === 0 && skipped.count === 0) {
    throw new ImportRejectedError('The file has a header but no users below it');
  }
  return rows;
}

interface CsvRecord {
  readonly line: number;
  readonly values: string[];
}

/** Parses in small pieces, with a turn of the event loop for everyone else between them. */
async function* parseInTurns(bytes: Buffer): AsyncGenerator<CsvRecord[]> {
  let records: CsvRecord[] = [];
  let lastLine = 0;
  const failures: Error[] = [];
  const parser = parse({
    bom: true,
    trim: true,
    relax_column_count: true,
    // Otherwise one stray quote (12" screen) makes the parser lose the rows behind it.
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_BYTES,
    on_record: (values: string[], { lines }) => {
      records.push({ line: lines - breaksIn(values), values });
      lastLine = lines;
      return null;
    },
  });
  parser.on('error', (error) => {
    failures.push(error);
  });
  for (let at = 0; at < bytes.length && failures.length === 0; at += CHUNK_BYTES) {
    parser.write(bytes.subarray(at, at + CHUNK_BYTES));
    yield records;
    records = [];
    await nextTurn();
  }
  parser.end();
  await nextTurn();
  const [failure] = failures;
  if (failure) throw fileProblem(failure, lastLine + 1);
  yield records;
}

/** The bytes of a file that may hold users; throws `ImportRejectedError` for what cannot. */
export function csvBytes(csvData: unknown): Buffer {
  if (typeof csvData !== 'string') {
    throw new ImportRejectedError(
      'No file came: the request needs { "csvData": "…" } with the text of a CSV file',
    );
  }
  if (csvData.trim() === '') throw new ImportRejectedError('The file is empty');
  // The parser counts a CRLF inside quotes as two lines.
  const bytes = Buffer.from(csvData.replaceAll('\r\n', '\n'));
  if (bytes.length > MAX_IMPORT_BYTES) {
    const megabytes = (bytes.length / 1024 / 1024).toFixed(1);
    throw new ImportRejectedError(
      `The file has ${megabytes} MB, the limit is 20 MB: split it and import the parts`,
      413,
    );
  }
  if (csvData.includes('\0')) {
    throw new ImportRejectedError(
      'This is not a CSV file but a binary one: export the users as CSV (UTF-8) and import that',
    );
  }
  return bytes;
}

function checkedHeader(values: string[]): Column[] {
  const names = values.map((name) => name.toLowerCase());
  const known = names.filter((name): name is Column => COLUMNS.some((column) => column === name));
  const isUsable =
    known.length === names.length &&
    new Set(known).size === known.length &&
    known.includes('email') &&
    known.includes('name');
  if (isUsable) return known;
  throw new ImportRejectedError(
    `The first line must be ${COLUMNS.join(',')} (role and department may be left out), ` +
      `but it is ${quoted(values.join(','))}`,
  );
}

function wrongCount(values: string[], columns: Column[]): string {
  const found = values.length === 1 ? '1 column' : `${values.length} columns`;
  return `has ${found} instead of ${columns.length}`;
}

function fieldsOf(values: string[], columns: Column[]): CsvRow['fields'] {
  return Object.fromEntries(columns.map((column, index) => [column, values[index]]));
}

/** The parser counts lines up to the end of a record; a quoted field may span several. */
function breaksIn(values: string[]): number {
  return values.reduce((sum, value) => sum + value.split('\n').length - 1, 0);
}

function fileProblem(error: Error, line: number): ImportRejectedError {
  const code = error instanceof CsvError ? error.code : null;
  if (code === 'CSV_QUOTE_NOT_CLOSED' || code === 'CSV_MAX_RECORD_SIZE') {
    return new ImportRejectedError(
      `The row in line ${line} does not end: is a quote opened there that is never closed?`,
    );
  }
  return new ImportRejectedError(`The row in line ${line} cannot be read: ${error.message}`);
}
