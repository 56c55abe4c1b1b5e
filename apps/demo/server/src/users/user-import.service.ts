import { STATUS_CODES } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { HttpException, Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { type ImportResults, importSummary } from '#shared/operations';
import { currentTenant } from '@/auth/tenant';
import { ENVIRONMENT, type Environment } from '@/environment';
import { type MailCount, MailService } from '@/infrastructure/mail/mail.service';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { number } from '@/numbers';
import { newOperationId } from '@/operation-id';
import { rootCause } from '@/root-cause';
import { ImportRejectedError } from './import-rejected.error.ts';
import { BATCH_SIZE, savedPercentage, skipPresent, summarise } from './import-results.ts';
import { SkippedRows } from './skipped-rows.ts';
import { type CsvRow, parseUserCsv } from './user-csv.ts';
import { type NewUser, validateUserRows } from './user-row.ts';
import type { ImportAnswer, ImportRefusal } from './users.controller.ts';
import { type SavedUser, UsersService } from './users.service.ts';
import { welcomeMail } from './welcome-mail.ts';

/** Imports users from a CSV file, and tells its user about each step. */
@Injectable()
export class UserImportService implements OnModuleDestroy {
  readonly #logger = new Logger(UserImportService.name);
  readonly #running = new Set<Promise<void>>();
  readonly #shutdown = new AbortController();

  constructor(
    private readonly webSocketService: WebSocketService,
    private readonly users: UsersService,
    private readonly mail: MailService,
    @Inject(ENVIRONMENT) private readonly environment: Pick<Environment, 'IMPORT_PACE_MS'>,
  ) {}

  /** Running imports stop after their batch, and say so while somebody is still connected. */
  async onModuleDestroy(): Promise<void> {
    this.#shutdown.abort();
    await Promise.all(this.#running);
  }

  async importUsers(csvData: unknown, userId: string): Promise<ImportAnswer> {
    const operationId = newOperationId('user-import');
    const finished = this.#track();
    const skipped = new SkippedRows();

    try {
      await this.sendProgress(operationId, userId, 'parsing', 10, 'Parsing CSV file...');
      const users = await this.parseCSV(csvData, skipped);

      await this.sendProgress(operationId, userId, 'validating', 30, 'Validating user data...');
      const validUsers = await this.validateUsers(users, skipped);

      await this.sendProgress(operationId, userId, 'importing', 60, 'Importing users...');
      const savedUsers = await this.saveUsers(validUsers, skipped, operationId, userId);

      await this.sendProgress(operationId, userId, 'finalizing', 90, 'Sending welcome emails...');
      const mails = await this.sendWelcomeEmails(savedUsers, operationId, userId);

      const results = summarise(savedUsers.length, skipped, mails);
      await this.sendCompletion(operationId, userId, results);
      return { operationId, results };
    } catch (error) {
      const rejection = this.#toRejection(error, operationId);
      await this.sendError(operationId, userId, rejection.message, rejection.saved);
      throw refusal(operationId, rejection);
    } finally {
      finished();
    }
  }

  private parseCSV(csvData: unknown, skipped: SkippedRows): Promise<CsvRow[]> {
    return parseUserCsv(csvData, skipped);
  }

  private validateUsers(users: readonly CsvRow[], skipped: SkippedRows): Promise<NewUser[]> {
    return validateUserRows(users, skipped);
  }

  private async saveUsers(
    validUsers: readonly NewUser[],
    skipped: SkippedRows,
    operationId: string,
    userId: string,
  ): Promise<SavedUser[]> {
    const tenantId = currentTenant();
    const saved: SavedUser[] = [];
    for (let done = 0; done < validUsers.length; ) {
      const batch = validUsers.slice(done, done + BATCH_SIZE);
      const added = await this.#saveBatch(tenantId, operationId, batch, saved.length);
      saved.push(...added);
      skipPresent(batch, new Set(added.map(({ email }) => email)), skipped);
      done += batch.length;
      if (done === validUsers.length) break;
      const percentage = savedPercentage(done, validUsers.length);
      const message = `Importing users... ${number(done)} of ${number(validUsers.length)}`;
      await this.sendProgress(operationId, userId, 'importing', percentage, message);
      await this.#pause(saved.length);
    }
    return saved;
  }

  private sendWelcomeEmails(
    users: readonly SavedUser[],
    operationId: string,
    userId: string,
  ): Promise<MailCount> {
    const mails = users.map(welcomeMail);
    const onProgress = (sent: number) => {
      const message = `Sending welcome emails... ${number(sent)} of ${number(mails.length)}`;
      return this.sendProgress(operationId, userId, 'finalizing', 90, message);
    };
    return this.mail.sendAll(operationId, mails, { signal: this.#shutdown.signal, onProgress });
  }

  // Helper methods (same pattern for all operations)
  private async sendProgress(
    operationId: string,
    userId: string,
    stage: string,
    percentage: number,
    message: string,
  ) {
    await this.webSocketService.sendToUser(userId, {
      type: 'operation:progress',
      data: { operationId, operationType: 'user-import', stage, percentage, message },
    });
  }

  private async sendCompletion(operationId: string, userId: string, result: ImportResults) {
    await this.webSocketService.sendToUser(userId, {
      type: 'operation:complete',
      data: { operationId, operationType: 'user-import', result },
      metadata: { tablesToRefresh: ['users'], message: importSummary(result) },
    });
  }

  private async sendError(operationId: string, userId: string, error: string, saved: number) {
    await this.webSocketService.sendToUser(userId, {
      type: 'operation:error',
      data: { operationId, operationType: 'user-import', error },
      metadata: {
        message: 'User import failed',
        ...(saved > 0 ? { tablesToRefresh: ['users'] } : {}),
      },
    });
  }

  async #saveBatch(
    tenantId: string,
    operationId: string,
    batch: readonly NewUser[],
    saved: number,
  ) {
    try {
      return await this.users.addImported(tenantId, operationId, batch);
    } catch (cause) {
      throw new ImportRejectedError(`The database failed. ${savedSoFar(saved)}`, 500, {
        cause,
        saved,
      });
    }
  }

  /** Gives everybody else a turn, and a slow-motion demo its pace. */
  async #pause(saved: number): Promise<void> {
    try {
      await wait(this.environment.IMPORT_PACE_MS, undefined, { signal: this.#shutdown.signal });
    } catch (cause) {
      throw new ImportRejectedError(`The server is being stopped. ${savedSoFar(saved)}`, 503, {
        cause,
        saved,
      });
    }
  }

  /** What the user is told: a bug's own words are for the log only. */
  #toRejection(error: unknown, operationId: string): ImportRejectedError {
    if (error instanceof ImportRejectedError && error.status < 500) return error;
    this.#logger.error(`${operationId} failed: ${String(rootCause(error))}`);
    if (error instanceof ImportRejectedError) return error;
    return new ImportRejectedError('Something went wrong on our side', 500, {
      cause: error,
    });
  }

  /** Notes a running import; to be called when it has finished. */
  #track(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    return () => {
      this.#running.delete(promise);
      resolve();
    };
  }
}

function savedSoFar(saved: number): string {
  if (saved === 0) return 'No users were imported.';
  const users = saved === 1 ? '1 user was' : `${number(saved)} users were`;
  return `${users} imported before that; import the file again to add the rest.`;
}

function refusal(operationId: string, rejection: ImportRejectedError): HttpException {
  const { status, message, cause } = rejection;
  const error = STATUS_CODES[status] ?? 'Error';
  const body: ImportRefusal = { statusCode: status, error, message, operationId };
  return new HttpException(body, status, { cause });
}
