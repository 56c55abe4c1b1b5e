import {
  type OperationMessage,
  type OperationState,
  Operations,
  type OperationsOptions,
  type PublishOperation,
} from '@trunkline/operations';
import { onTestFinished } from 'vitest';
import { FaultyDatabase } from './faulty-database.ts';
import type { TestStore } from './store.ts';

/** A log that remembers what was written. */
export class MemoryLog {
  readonly records: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  info = (message: string, fields = {}) => this.#add('info', message, fields);
  warn = (message: string, fields = {}) => this.#add('warn', message, fields);
  error = (message: string, fields = {}) => this.#add('error', message, fields);

  #add(level: string, message: string, fields: Record<string, unknown>): void {
    this.records.push({ level, message, fields });
  }

  of(message: string): Record<string, unknown>[] {
    return this.records.filter((record) => record.message === message).map(({ fields }) => fields);
  }
}

type Seen = (message: OperationMessage) => boolean;

/** A broker's other end: what arrives, and whether anything does. */
class Outlet {
  readonly messages: OperationMessage[] = [];
  /** What the broker answers. */
  answer: PublishOperation = () => Promise.resolve(true);
  readonly #waiting = new Set<() => void>();

  readonly publish: PublishOperation = async (message) => {
    const isAccepted = await this.answer(message);
    if (isAccepted) {
      this.messages.push(message);
      for (const look of this.#waiting) look();
    }
    return isAccepted;
  };

  /** What arrived of one operation. */
  of(id: string): OperationMessage['event'][] {
    return this.messages.map(({ event }) => event).filter(({ data }) => data.operationId === id);
  }

  /** Resolves with the first message, of those that have arrived and those to come, that is so. */
  async until(isMeant: Seen): Promise<OperationMessage['event']> {
    const { promise, resolve } = Promise.withResolvers<OperationMessage>();
    const look = () => {
      const found = this.messages.find(isMeant);
      if (found) resolve(found);
    };
    this.#waiting.add(look);
    look();
    const { event } = await promise;
    this.#waiting.delete(look);
    return event;
  }

  /** Resolves with the event that says that an operation is in this state now. */
  async state(id: string, state: OperationState): Promise<OperationMessage['event']> {
    return await this.until(
      ({ event: { data } }) => data.operationId === id && data.state === state,
    );
  }
}

/** An engine as a process would have it. */
export interface TestEngine {
  readonly operations: Operations;
  readonly database: FaultyDatabase;
  readonly outlet: Outlet;
  readonly log: MemoryLog;
}

/** Leases so short that a test can wait for their end. */
export const SHORT_LEASE = { leaseMs: 1000 };

/** Opens an engine on a store, for one test. */
export async function openEngine(
  store: Pick<TestStore, 'database'>,
  options: Partial<OperationsOptions> & { isExclusive?: boolean } = {},
): Promise<TestEngine> {
  const { isExclusive = false, ...own } = options;
  const database = new FaultyDatabase(store.database, { isExclusive });
  const outlet = new Outlet();
  const log = new MemoryLog();
  const { publish } = outlet;
  const operations = await Operations.open({ database, publish, log, ...own });
  onTestFinished(async () => {
    database.heal();
    await operations.close({ graceMs: 1 });
  });
  return { operations, database, outlet, log };
}
