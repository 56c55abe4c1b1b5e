import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { USER_ROLES } from '@/infrastructure/database/schema';
import { quoted, type SkippedRows } from './skipped-rows.ts';
import type { CsvRow } from './user-csv.ts';

/** What a row of the file must hold. An empty optional field counts as absent. */
const UserFields = z.object({
  email: z
    .string()
    .min(1, 'email is missing')
    .max(254, 'email has more than 254 characters')
    .toLowerCase()
    .pipe(z.email({ error: ({ input }) => `${quoted(String(input))} is not an e-mail address` })),
  name: z.string().min(1, 'name is missing').max(200, 'name has more than 200 characters'),
  role: z
    .string()
    .toLowerCase()
    .transform((role) => role || 'member')
    .pipe(
      z.enum(USER_ROLES, {
        error: ({ input }) =>
          `role ${quoted(String(input))} is not one of ${USER_ROLES.join(', ')}`,
      }),
    )
    .default('member'),
  department: z
    .string()
    .max(100, 'department has more than 100 characters')
    .transform((department) => department || null)
    .default(null),
});

/** A user as the file names one, checked. */
export type NewUser = z.infer<typeof UserFields> & { readonly line: number };

const ROWS_PER_TURN = 500;

/** The rows that can become users. The others, and repeated addresses, are skipped. */
export async function validateUserRows(
  rows: readonly CsvRow[],
  skipped: SkippedRows,
): Promise<NewUser[]> {
  const users: NewUser[] = [];
  const lineOfEmail = new Map<string, number>();
  for (const [index, { line, fields }] of rows.entries()) {
    if (index % ROWS_PER_TURN === ROWS_PER_TURN - 1) await nextTurn();
    const { data, error } = UserFields.safeParse(fields);
    if (!data) {
      skipped.add(line, error.issues.map(({ message }) => message).join('; '));
      continue;
    }
    const earlier = lineOfEmail.get(data.email);
    if (earlier !== undefined) {
      skipped.add(line, `${quoted(data.email)} is already in line ${earlier}`);
      continue;
    }
    lineOfEmail.set(data.email, line);
    users.push({ ...data, line });
  }
  return users;
}
