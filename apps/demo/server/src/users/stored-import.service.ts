import { setTimeout as wait } from 'node:timers/promises';
import { HttpException, Inject, Injectable, NotFoundException } from '@nestjs/common';
import {
  currentOperation,
  Operation,
  type OperationHandle,
  type OperationSnapshot,
  Operations,
  UserFacingError,
} from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { FILE_HOURS, type ImportInput, type ImportResults, userImport } from '#shared/operations';
import { currentTenant, tenantOf } from '@/auth/tenant';
import { ENVIRONMENT, type Environment } from '@/environment';
import { httpRefusal } from '@/http-refusal';
import { mayRead } from '@/infrastructure/files/file-access';
import { FileStore, type StoredFile } from '@/infrastructure/files/file-store';
import { ADMINS } from '@/infrastructure/operations/audience';
import { number } from '@/numbers';
import { ImportRejectedError } from './import-rejected.error.ts';
import type { ImportRequest } from './import-request.ts';
import { BATCH_SIZE, savedPercentage, skipPresent, storable, summarise } from './import-results.ts';
import { ImportedUsers } from './imported-users.ts';
import { SkippedRows } from './skipped-rows.ts';
import { csvBytes, parseUserCsv } from './user-csv.ts';
import { type NewUser, validateUserRows } from './user-row.ts';
import { WelcomeService } from './welcome.service.ts';

/** Imports users as a stored operation: what an attempt has done, the next one finds done. */
@Injectable()
export class StoredImportService {
  constructor(
    private readonly operations: Operations,
    private readonly files: FileStore,
    private readonly imported: ImportedUsers,
    private readonly welcomes: WelcomeService,
    @Inject(ENVIRONMENT) private readonly environment: Pick<Environment, 'IMPORT_PACE_MS'>,
  ) {}

  /** Keeps the file, then starts the import: whichever process does it, and however often, has all it needs. */
  async startImport(
    request: ImportRequest,
    principal: Principal,
    idempotencyKey: string | undefined,
  ): Promise<OperationSnapshot> {
    const file = await this.#fileOf(request, principal);
    return await this.operations.start(userImport, {
      input: { fileId: file.id },
      labels: { file: file.name },
      audience: ADMINS,
      durable: true,
      idempotencyKey,
    });
  }

  @Operation(userImport)
  async importUsers({ fileId }: ImportInput): Promise<ImportResults> {
    const operation = currentOperation();
    const tenantId = currentTenant();
    const skipped = new SkippedRows();

    await operation.progress({ stage: 'parsing', percentage: 10, message: 'Parsing CSV file...' });
    const rows = await readable(parseUserCsv(await this.#read(tenantId, fileId), skipped));

    const message = 'Validating user data...';
    await operation.progress({ stage: 'validating', percentage: 30, message });
    const validUsers = await validateUserRows(rows, skipped);

    await operation.progress({ stage: 'importing', percentage: 60, message: 'Importing users...' });
    const imported = await this.#save(tenantId, validUsers, skipped, operation);

    const finalizing = 'Sending welcome emails...';
    await operation.progress({ stage: 'finalizing', percentage: 90, message: finalizing });
    const mails = await this.welcomes.welcome(tenantId, imported, operation);
    return storable(summarise(imported, skipped, mails));
  }

  /** Gives how many users of the file the import has brought. */
  async #save(
    tenantId: string,
    validUsers: readonly NewUser[],
    skipped: SkippedRows,
    operation: OperationHandle,
  ): Promise<number> {
    const total = validUsers.length;
    let imported = 0;
    for (let done = 0; done < total; ) {
      operation.signal.throwIfAborted();
      const batch = validUsers.slice(done, done + BATCH_SIZE);
      const brought = await this.imported.add(tenantId, operation.id, batch);
      skipPresent(batch, brought, skipped);
      imported += brought.size;
      done += batch.length;
      if (done === total) break;
      const message = `Importing users... ${number(done)} of ${number(total)}`;
      const percentage = savedPercentage(done, total);
      await operation.progress({ stage: 'importing', percentage, message });
      // everybody else's turn, and the pace of a demo in slow motion
      await wait(this.environment.IMPORT_PACE_MS, undefined, { signal: operation.signal });
    }
    return imported;
  }

  async #fileOf(request: ImportRequest, principal: Principal): Promise<StoredFile> {
    const tenantId = tenantOf(principal);
    if ('fileId' in request) {
      const file = await this.files.find(tenantId, request.fileId);
      if (file && mayRead(file, principal)) return file;
      throw new NotFoundException('There is no such file, or not any more');
    }
    return await this.#keep(request, { tenantId, ownerId: principal.userId });
  }

  /** The same request once more names the same file: an idempotency key stands for one input. */
  async #keep(
    { csvData, fileName: name }: { csvData?: unknown; fileName: string },
    owner: Pick<StoredFile, 'tenantId' | 'ownerId'>,
  ): Promise<StoredFile> {
    try {
      const file = { ...owner, kind: 'import', name, mediaType: 'text/csv' } as const;
      return await this.files.saveOnce(file, csvBytes(csvData));
    } catch (error) {
      if (!(error instanceof ImportRejectedError)) throw httpRefusal(error);
      throw new HttpException(error.message, error.status, { cause: error });
    }
  }

  async #read(tenantId: string, fileId: string): Promise<string> {
    const file = await this.files.open({ tenantId, id: fileId });
    if (!file) {
      throw new UserFacingError(
        `The CSV file is not there any more: files are kept for ${FILE_HOURS} hours. Import it again`,
        { code: 'file-gone' },
      );
    }
    try {
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  }
}

/** What is wrong with the file is for the user. */
async function readable<T>(parsing: Promise<T>): Promise<T> {
  try {
    return await parsing;
  } catch (error) {
    if (!(error instanceof ImportRejectedError)) throw error;
    throw new UserFacingError(error.message, { code: 'import-rejected', cause: error });
  }
}
