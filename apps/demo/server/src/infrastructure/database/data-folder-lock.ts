import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/** Another process works in this data folder. The message says what to do. */
export class DataFolderInUseError extends Error {
  override readonly name = 'DataFolderInUseError';

  constructor(folder: string) {
    super(
      `Another process is using the data folder ${folder}. ` +
        'Stop that one, or give this one a folder of its own: DATA_DIR=/another/folder npm start',
    );
  }
}

/** The exclusive use of a data folder, until `release` or the end of the process. */
export interface DataFolderLock {
  release(): void;
}

/**
 * Takes the exclusive use of a folder, or throws `DataFolderInUseError` at once. PGlite has no lock
 * of its own: of two processes on one folder, one loses what it wrote. SQLite's lock is the
 * kernel's, so that it ends with the process, even with `kill -9`; a pid file would stay.
 */
export function lockDataFolder(folder: string): DataFolderLock {
  mkdirSync(folder, { recursive: true });
  const database = new DatabaseSync(join(folder, 'lock.sqlite'), { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const isBusy = (error as { errcode?: unknown }).errcode === SQLITE_BUSY;
    throw isBusy ? new DataFolderInUseError(folder) : error;
  }
  return { release: () => database.close() };
}
