import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/** Another process has the directory of this PGlite. The message says what to do. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
  readonly code = 'DIRECTORY_IN_USE';

  constructor(directory: string) {
    super(
      `Another process has the PGlite in ${directory} open, and of two one loses what it writes: stop that one, or give this one a directory of its own`,
    );
  }
}

/** The exclusive use of a directory, until `release` or the end of the process. */
export interface DirectoryLock {
  release(): void;
}

// A connection that nobody holds is closed when the garbage is collected, and its lock is gone with it.
const held = new Set<DatabaseSync>();

/**
 * Takes the exclusive use of a PGlite's directory, before it is opened; throws `DirectoryInUseError` at once
 * when another process has it. PGlite has no lock of its own. This one is a file beside the directory, and
 * the kernel's: it ends with the process, even with `kill -9`.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = resolve(directory);
  mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    const isBusy = (error as { errcode?: unknown }).errcode === SQLITE_BUSY;
    throw isBusy ? new DirectoryInUseError(directory) : error;
  }
  held.add(database);
  return {
    release: () => {
      if (held.delete(database)) database.close();
    },
  };
}
