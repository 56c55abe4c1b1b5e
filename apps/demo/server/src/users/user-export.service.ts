import { setTimeout as wait } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import {
  currentOperation,
  Operation,
  type OperationHandle,
  type OperationSnapshot,
  Operations,
} from '@trunkline/nestjs';
import { dataExport, type ExportInput, type ExportResult } from '#shared/operations';
import { currentUser } from '@/auth/tenant';
import { ENVIRONMENT, type Environment } from '@/environment';
import { fileLink } from '@/infrastructure/files/file-link';
import { FileStore } from '@/infrastructure/files/file-store';
import { ADMINS } from '@/infrastructure/operations/audience';
import { number } from '@/numbers';
import { type ExportedUser, UserPages } from './user-pages.ts';
import { csvOf } from './users-csv-file.ts';
import { xlsxOf } from './users-xlsx-file.ts';

const FORMATS = {
  csv: { bytesOf: csvOf, mediaType: 'text/csv; charset=utf-8' },
  xlsx: {
    bytesOf: xlsxOf,
    mediaType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  },
};

/** Writes the users table into files to download. */
@Injectable()
export class UserExportService {
  constructor(
    private readonly operations: Operations,
    private readonly pages: UserPages,
    private readonly files: FileStore,
    @Inject(ENVIRONMENT) private readonly environment: Pick<Environment, 'IMPORT_PACE_MS'>,
  ) {}

  async startExport(
    input: ExportInput,
    idempotencyKey: string | undefined,
  ): Promise<OperationSnapshot> {
    return await this.operations.start(dataExport, {
      input,
      labels: { format: input.format },
      audience: ADMINS,
      idempotencyKey,
    });
  }

  @Operation(dataExport)
  async exportUsers({ format }: ExportInput): Promise<ExportResult> {
    const operation = currentOperation();
    const { tenantId, userId: ownerId } = currentUser();
    const { bytesOf, mediaType } = FORMATS[format];
    const total = await this.pages.count(tenantId);
    const read = new RowsRead(operation, total, this.environment.IMPORT_PACE_MS);
    const file = await this.files.save(
      { tenantId, ownerId, kind: 'export', name: fileName(tenantId, format), mediaType },
      bytesOf(read.through(this.pages.all(tenantId)), total),
    );
    const link = fileLink(file);
    operation.setOutcome({ resultRef: link.url });
    return { ...link, rows: read.count };
  }
}

/** Counts the rows that go by, tells how many they are, and lets nothing by when the work is to stop. */
class RowsRead {
  readonly #operation: OperationHandle;
  readonly #total: number;
  readonly #paceMs: number;
  count = 0;

  constructor(operation: OperationHandle, total: number, paceMs: number) {
    this.#operation = operation;
    this.#total = total;
    this.#paceMs = paceMs;
  }

  async *through(pages: AsyncIterable<ExportedUser[]>): AsyncGenerator<ExportedUser[]> {
    for await (const page of pages) {
      this.#operation.signal.throwIfAborted();
      this.count += page.length;
      await this.#operation.progress({
        stage: 'exporting',
        percentage: Math.floor((99 * this.count) / Math.max(this.count, this.#total)),
        message: `Exporting users... ${number(this.count)} of ${number(this.#total)}`,
      });
      yield page;
      if (this.count >= this.#total) continue;
      // the pace of a demo in slow motion
      await wait(this.#paceMs, undefined, { signal: this.#operation.signal });
    }
  }
}

function fileName(tenantId: string, format: string): string {
  const day = new Date().toISOString().slice(0, 10);
  return `${tenantId}-users-${day}.${format}`;
}
