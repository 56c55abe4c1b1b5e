import { stringify } from 'csv-stringify/sync';
import type { ExportedUser } from './user-pages.ts';

const options = {
  columns: [
    { key: 'email', header: 'email' },
    { key: 'name', header: 'name' },
    { key: 'role', header: 'role' },
    { key: 'department', header: 'department' },
    { key: 'createdAt', header: 'created_at' },
  ],
  cast: { date: (value: Date) => value.toISOString() },
  // Somebody may be called =HYPERLINK(…): a spreadsheet must not take that for a formula.
  escape_formulas: true,
};

/** The users as a CSV file, a page at a time. */
export async function* csvOf(pages: AsyncIterable<ExportedUser[]>): AsyncGenerator<Uint8Array> {
  // By its mark Excel knows that it is UTF-8.
  yield Buffer.from(stringify([], { ...options, header: true, bom: true }));
  for await (const page of pages) yield Buffer.from(stringify(page, options));
}
