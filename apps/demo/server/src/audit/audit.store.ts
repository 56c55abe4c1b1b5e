import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { AuditRecord, AuditSink } from '@trunkline/server';
import { desc, lt, sql } from 'drizzle-orm';
import { Database } from '@/infrastructure/database/database';
import { auditRecords } from '@/infrastructure/database/schema';
import { rootCause } from '@/root-cause';

/** How many records are kept: the newest. */
const KEPT = 10_000;
const TRIM_AFTER = 500;
const BATCH_SIZE = 500;
/** Records that wait for a database that is slow or away; more are lost, and that is said. */
const MAX_WAITING = 5_000;

/** The audit trail as a table. Records are taken at once and written behind; nobody waits for it. */
@Injectable()
export class AuditStore implements AuditSink, OnApplicationShutdown {
  readonly #logger = new Logger(AuditStore.name);
  #waiting: AuditRecord[] = [];
  #lost = 0;
  #writing: Promise<void> | null = null;
  #untrimmed = TRIM_AFTER;

  constructor(private readonly database: Database) {}

  record(record: AuditRecord): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(record);
    else this.#lost += 1;
    void this.#flush();
  }

  /** The newest records, what has been taken until now included. */
  async newest(limit: number): Promise<AuditRecord[]> {
    await this.#flush();
    const rows = await this.database.queries
      .select()
      .from(auditRecords)
      .orderBy(desc(auditRecords.id))
      .limit(limit);
    // What repeats itself is written a moment after it was.
    return rows.map(({ record }) => record).toSorted((a, b) => b.at - a.at);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#flush();
  }

  #flush(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_SIZE);
      try {
        await this.#write(batch);
      } catch (error) {
        this.#lost += batch.length;
        this.#logger.error(`Audit records cannot be written: ${String(rootCause(error))}`);
      }
    }
    if (this.#lost > 0) this.#logger.error(`${this.#lost} audit records are lost`);
    this.#lost = 0;
  }

  async #write(batch: readonly AuditRecord[]): Promise<void> {
    const { queries } = this.database;
    const rows = batch.map((record) => ({ id: record.id, record }));
    await queries.insert(auditRecords).values(rows).onConflictDoNothing();
    this.#untrimmed += batch.length;
    if (this.#untrimmed < TRIM_AFTER) return;
    const oldestKept = sql`(
      select id from audit_records order by id desc offset ${KEPT - 1} limit 1)`;
    await queries.delete(auditRecords).where(lt(auditRecords.id, oldestKept));
    this.#untrimmed = 0;
  }
}
