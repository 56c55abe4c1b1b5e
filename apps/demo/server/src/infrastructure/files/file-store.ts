import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { UserFacingError } from '@trunkline/operations';
import { and, eq, gt, sql } from 'drizzle-orm';
import { FILE_HOURS } from '#shared/operations';
import { ENVIRONMENT, type Environment } from '@/environment';
import { Database } from '@/infrastructure/database/database';
import { files } from '@/infrastructure/database/schema';
import { safeFileName } from './file-name.ts';

/** A file that is kept: what is known of it, without its bytes. */
export type StoredFile = typeof files.$inferSelect;

/** Whose a new file is, and what it is. */
export interface NewFile extends Pick<StoredFile, 'tenantId' | 'ownerId' | 'kind' | 'mediaType'> {
  readonly name: string;
  /** Default: one that nothing has yet. */
  readonly id?: string;
}

const KEPT_MS = FILE_HOURS * 3_600_000;
/** Of all files of a tenant together. */
const TENANT_MEGABYTES = 512;

/**
 * Files for a day: what is known of them is in the database, their bytes are in the data folder, which
 * every process of one database has to share.
 */
@Injectable()
export class FileStore {
  /** A folder for each tenant. */
  readonly folder: string;

  constructor(
    private readonly database: Database,
    @Inject(ENVIRONMENT) { DATA_DIR }: Pick<Environment, 'DATA_DIR'>,
  ) {
    this.folder = join(DATA_DIR, 'files');
  }

  /** Keeps what comes. Nothing is left of what does not come to its end. */
  async save(file: NewFile, content: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const { tenantId, id = randomUUID() } = file;
    const room = await this.#roomOf(tenantId);
    const path = this.pathOf({ tenantId, id });
    const part = `${path}.${randomUUID()}.part`;
    await mkdir(join(this.folder, tenantId), { recursive: true });
    try {
      const measure = new Measure(room);
      // `flush`: whoever is told that it is there finds it after a power cut too
      await writeFile(part, measure.through(content), { flag: 'wx', flush: true });
      await rename(part, path);
      return await this.#insert({ ...file, id }, measure);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }

  /** Keeps bytes under an id that they make themselves: the same bytes once more are the same file. */
  async saveOnce(file: Omit<NewFile, 'id'>, bytes: Uint8Array): Promise<StoredFile> {
    const id = createHash('sha256').update(bytes).digest('hex');
    return await this.save({ ...file, id }, pieces(bytes));
  }

  /** A file of a tenant; `null` when there is none, or not any more. */
  async find(tenantId: string, id: string): Promise<StoredFile | null> {
    const [file] = await this.database.queries
      .select()
      .from(files)
      .where(and(eq(files.tenantId, tenantId), eq(files.id, id), gt(files.expiresAt, new Date())));
    return file ?? null;
  }

  /** Opens a file to read it; `null` when its bytes are gone. */
  async open(file: Pick<StoredFile, 'tenantId' | 'id'>): Promise<FileHandle | null> {
    try {
      return await open(this.pathOf(file));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  pathOf({ tenantId, id }: Pick<StoredFile, 'tenantId' | 'id'>): string {
    return join(this.folder, tenantId, id);
  }

  async #insert(file: NewFile & { id: string }, { bytes, sha256 }: Measure): Promise<StoredFile> {
    const expiresAt = new Date(Date.now() + KEPT_MS);
    const [row] = await this.database.queries
      .insert(files)
      .values({ ...file, name: safeFileName(file.name), bytes, sha256, expiresAt })
      .onConflictDoUpdate({ target: [files.tenantId, files.id], set: { expiresAt } })
      .returning();
    if (!row) throw new Error(`The file ${file.id} was not stored`);
    return row;
  }

  /** How many bytes a tenant may add. */
  async #roomOf(tenantId: string): Promise<number> {
    const [row] = await this.database.queries
      .select({ bytes: sql`coalesce(sum(${files.bytes}), 0)`.mapWith(Number) })
      .from(files)
      .where(eq(files.tenantId, tenantId));
    return TENANT_MEGABYTES * 1024 * 1024 - (row?.bytes ?? 0);
  }
}

/** Counts what goes through, and no more of it than there is room for. */
class Measure {
  readonly #room: number;
  readonly #hash = createHash('sha256');
  bytes = 0;

  constructor(room: number) {
    this.#room = room;
  }

  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  async *through(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.bytes += chunk.length;
      if (this.bytes > this.#room) throw storageFull();
      this.#hash.update(chunk);
      yield chunk;
    }
  }
}

function storageFull(): UserFacingError {
  return new UserFacingError(
    `All files of a tenant together may have ${TENANT_MEGABYTES} MB, and yours would have more: files go after ${FILE_HOURS} hours`,
    { code: 'storage-full' },
  );
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const PIECE = 1024 * 1024;
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}
