import {
  type AppEvent,
  CANCEL_OPERATION_CALL,
  isTerminal,
  OPERATIONS_CALL,
  type OperationFilter,
  type OperationList,
  type OperationSnapshot,
  operationLabel,
  RETRY_OPERATION_CALL,
  SEEN_OPERATIONS_CALL,
} from '@trunkline/contract';
import { CallError } from './call.ts';
import type { TestCall } from './testing.ts';

/** How a stored operation begins, where it is not the page's user's and running. */
export type TestOperationStart = Partial<OperationSnapshot> & { readonly type: string };

/** As much of a test server as stored operations need. */
interface Host {
  readonly calls: Record<string, TestCall>;
  send(event: AppEvent, options: { channel: string }): unknown;
}

/** The operations that a test server keeps: it answers the page's calls, and tells of each update. */
export class TestOperations {
  /** What tells of updates; change it to a function that does nothing, and the page misses them. */
  tell: (snapshot: OperationSnapshot) => void;
  readonly #operations = new Map<string, OperationSnapshot>();

  constructor(server: Host) {
    this.tell = (snapshot) => {
      const channel = snapshot.audience === 'tenant' ? '@all' : '@user';
      server.send(eventOf(snapshot), { channel });
    };
    server.calls[OPERATIONS_CALL] = (filter: OperationFilter) => this.list(filter);
    server.calls[CANCEL_OPERATION_CALL] = ({ id }: { id: string }) =>
      this.update(id, { state: 'cancelling', isCancellable: false });
    server.calls[RETRY_OPERATION_CALL] = ({ id }: { id: string }) => this.retry(id);
    server.calls[SEEN_OPERATIONS_CALL] = ({ ids }: { ids: string[] }) => this.markSeen(ids);
  }

  /** Starts an operation of user 42, unless told otherwise; returns its id. */
  start(start: TestOperationStart): string {
    const now = Date.now();
    const snapshot: OperationSnapshot = {
      id: `op-${this.#operations.size + 1}`,
      label: operationLabel(start.type),
      state: 'running',
      seq: 1,
      attempt: 1,
      maxAttempts: 1,
      ownerId: '42',
      audience: 'owner',
      labels: {},
      isDurable: false,
      isCancellable: true,
      isRetryable: false,
      isSeen: false,
      createdAt: now,
      startedAt: now,
      updatedAt: now,
      ...start,
    };
    this.#put(snapshot);
    return snapshot.id;
  }

  /** Updates an operation, and tells of it. */
  update(id: string, changes: Partial<OperationSnapshot>): OperationSnapshot {
    return this.#write(this.get(id), changes);
  }

  /** Ends an operation as it should. */
  succeed(id: string, changes: Partial<OperationSnapshot> = {}): OperationSnapshot {
    const end = { state: 'succeeded', percentage: 100, isRetryable: false } as const;
    // it may have been taken for crashed
    const before = without(this.get(id), ['error']) as OperationSnapshot;
    return this.#write(before, { ...end, ...changes });
  }

  /** Ends an operation without success. */
  fail(
    id: string,
    message: string,
    state: 'failed' | 'crashed' | 'cancelled' = 'failed',
  ): OperationSnapshot {
    const error = { code: state, message, retryable: true };
    return this.update(id, { state, error, isRetryable: true });
  }

  /** Begins another attempt of one that has ended. */
  retry(id: string): OperationSnapshot {
    const before = this.get(id);
    const kept = without(before, OF_AN_ATTEMPT) as OperationSnapshot;
    const again = { state: 'queued', isRetryable: false, isCancellable: true } as const;
    return this.#put({ ...kept, ...again, attempt: before.attempt + 1, seq: before.seq + 1 });
  }

  get(id: string): OperationSnapshot {
    const operation = this.#operations.get(id);
    if (!operation) throw new CallError(404, `There is no operation ${JSON.stringify(id)} here`);
    return operation;
  }

  list({ state, ownerId, before, limit = 50 }: OperationFilter): OperationList {
    const newestFirst = [...this.#operations.values()].toReversed();
    const older = before === undefined ? 0 : newestFirst.findIndex(({ id }) => id === before) + 1;
    const all = newestFirst.slice(older).filter((operation) => {
      const group = isTerminal(operation.state) ? 'ended' : 'active';
      const isIn = state === undefined || state === group || state === operation.state;
      return isIn && (ownerId === undefined || ownerId === operation.ownerId);
    });
    const operations = all.slice(0, limit);
    const last = operations.at(-1);
    return {
      operations,
      now: Date.now(),
      ...(all.length > limit && last ? { next: last.id } : {}),
    };
  }

  markSeen(ids: readonly string[]): null {
    for (const id of ids) this.#operations.set(id, { ...this.get(id), isSeen: true });
    return null;
  }

  /** Forgets an operation, as a server does in the end. */
  remove(id: string): void {
    this.#operations.delete(id);
  }

  #write(before: OperationSnapshot, changes: Partial<OperationSnapshot>): OperationSnapshot {
    const now = Date.now();
    const hasEnded = isTerminal(changes.state ?? before.state);
    const end = hasEnded ? { finishedAt: now, isCancellable: false } : {};
    return this.#put({ ...before, updatedAt: now, ...end, ...changes, seq: before.seq + 1 });
  }

  #put(snapshot: OperationSnapshot): OperationSnapshot {
    this.#operations.set(snapshot.id, snapshot);
    this.tell(snapshot);
    return snapshot;
  }
}

/** What another attempt knows nothing of. */
const OF_AN_ATTEMPT = ['error', 'result', 'percentage', 'stage', 'message', 'finishedAt'] as const;
/** What an event does not say. */
const NOT_TOLD = ['audience', 'labels', 'isDurable', 'isSeen', 'startedAt', 'finishedAt'] as const;

/** The event that tells of an update, as the server makes it. */
function eventOf(snapshot: OperationSnapshot): AppEvent {
  const { id: operationId, type: operationType, error, message, state } = snapshot;
  const data = { ...without(snapshot, NOT_TOLD), operationId, operationType };
  if (state === 'succeeded') {
    const title = message ?? `${snapshot.label} completed`;
    return { type: 'operation:complete', data, metadata: { message: title } };
  }
  return { type: error ? 'operation:error' : 'operation:progress', data };
}

function without<K extends keyof OperationSnapshot>(
  snapshot: OperationSnapshot,
  keys: readonly K[],
): Omit<OperationSnapshot, K> {
  const left = Object.entries(snapshot).filter(
    ([key]) => !(keys as readonly string[]).includes(key),
  );
  return Object.fromEntries(left) as unknown as Omit<OperationSnapshot, K>;
}
