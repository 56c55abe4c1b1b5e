import { z } from 'zod';
import { FileId, typed } from '../input.ts';

/** Body of `POST /api/users/imports`: the text of a CSV file, or a file that has been uploaded. */
export const ImportRequest = z.union([
  z.object({ fileId: FileId }),
  // what is no text is told in words that help
  z.object({ csvData: z.unknown().optional(), fileName: typed(500).default('users.csv') }),
]);
export type ImportRequest = z.infer<typeof ImportRequest>;
