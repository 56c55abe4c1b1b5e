import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { and, eq, lt } from 'drizzle-orm';
import { Database } from '@/infrastructure/database/database';
import { files } from '@/infrastructure/database/schema';
import { rootCause } from '@/root-cause';
import { FileStore } from './file-store.ts';

const EVERY_MS = 10 * 60_000;
const BATCH = 500;
/** Bytes that belong to no row are of a process that has died, unless somebody is still writing them. */
const ORPHANED_AFTER_MS = 3_600_000;

/** Removes files whose time is over, and what processes that died have left. */
@Injectable()
export class FileCleaner implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(FileCleaner.name);
  #timer: ReturnType<typeof setInterval> | undefined;
  #cleaning: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly store: FileStore,
  ) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => void this.#cleanSafely(), EVERY_MS).unref();
    void this.#cleanSafely();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    await this.#cleaning;
  }

  async clean(): Promise<void> {
    await this.#removeExpired();
    await this.#removeOrphans();
  }

  async #cleanSafely(): Promise<void> {
    this.#cleaning ??= this.clean()
      .catch((error: unknown) => {
        this.#logger.warn(`Old files were not removed: ${String(rootCause(error))}`);
      })
      .finally(() => {
        this.#cleaning = undefined;
      });
    await this.#cleaning;
  }

  async #removeExpired(): Promise<void> {
    const { queries } = this.database;
    const isExpired = lt(files.expiresAt, new Date());
    const expired = await queries.select().from(files).where(isExpired).limit(BATCH);
    for (const file of expired) {
      await rm(this.store.pathOf(file), { force: true });
      const { tenantId, id } = file;
      await queries
        .delete(files)
        .where(and(eq(files.tenantId, tenantId), eq(files.id, id), isExpired));
    }
  }

  async #removeOrphans(): Promise<void> {
    for (const tenantId of await namesIn(this.store.folder)) {
      const folder = join(this.store.folder, tenantId);
      const present = await namesIn(folder);
      const known = await this.database.queries
        .select({ id: files.id })
        .from(files)
        .where(eq(files.tenantId, tenantId));
      const ids = new Set(known.map(({ id }) => id));
      const orphans = present.filter((name) => !ids.has(name));
      for (const name of orphans) await removeIfOld(join(folder, name));
    }
  }
}

async function removeIfOld(path: string): Promise<void> {
  const found = await stat(path).catch(() => null); // it may just have got its name
  if (found && Date.now() - found.mtimeMs > ORPHANED_AFTER_MS) await rm(path, { force: true });
}

/** What is in a folder; nothing where there is none yet. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
