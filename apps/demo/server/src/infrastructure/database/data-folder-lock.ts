import { join } from 'node:path';
import {
  DirectoryInUseError,
  type DirectoryLock,
  lockDirectory,
} from '@trunkline/operations/pglite';

/** Another process works in this data folder. The message says what to do. */
export class DataFolderInUseError extends Error {
  override readonly name = 'DataFolderInUseError';

  constructor(folder: string, options: ErrorOptions = {}) {
    super(
      `Another process is using the data folder ${folder}. ` +
        'Stop that one, or give this one a folder of its own: DATA_DIR=/another/folder npm start. ' +
        'Several nodes share a folder with a Postgres (DATABASE_URL) and a Redis (REDIS_URL).',
      options,
    );
  }
}

/** Takes the exclusive use of a folder, or throws `DataFolderInUseError` at once. */
export function lockDataFolder(folder: string): DirectoryLock {
  try {
    return lockDirectory(join(folder, 'database'));
  } catch (cause) {
    throw cause instanceof DirectoryInUseError
      ? new DataFolderInUseError(folder, { cause })
      : cause;
  }
}
