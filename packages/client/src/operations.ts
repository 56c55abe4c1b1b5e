import {
  CANCEL_OPERATION_CALL,
  isOperationEvent,
  type OperationFilter,
  type OperationList,
  type OperationSnapshot,
  RETRY_OPERATION_CALL,
  type ReceivedEvent,
} from '@trunkline/contract';
import type { Call } from './call.ts';
import type { Operation, OperationEvent } from './operation.ts';
import { type OperationListener, OperationStore, type OperationsState } from './operation-store.ts';
import { OperationSync } from './operation-sync.ts';
import { SeenMarks } from './seen-marks.ts';
import type { Store } from './store.ts';

/** Whose operations they are, and how they are spoken of with the server. */
export interface OperationsContext {
  readonly userId: string;
  readonly call: Call;
  readonly listener: OperationListener;
}

/** The operations of one user: what the page knows of them, and what it can do with those that are stored. */
export class Operations {
  readonly userId: string;
  /** What a page shows of them. */
  readonly state: Store<OperationsState>;
  readonly #call: Call;
  readonly #store: OperationStore;
  readonly #sync: OperationSync;
  readonly #seen: SeenMarks;

  constructor({ userId, call, listener }: OperationsContext) {
    const store = new OperationStore(listener);
    this.userId = userId;
    this.state = store.state;
    this.#call = call;
    this.#store = store;
    this.#sync = new OperationSync({ userId, store, call });
    this.#seen = new SeenMarks(call);
  }

  get(id: string): Operation | undefined {
    return this.#store.get(id);
  }

  values(): Operation[] {
    return this.#store.values();
  }

  /** Reads those that the server keeps, and again after each gap, until the returned function is called. */
  watch(): () => void {
    return this.#sync.watch();
  }

  /** Cancels an operation; resolves to it as it stands then. Rejects with a `CallError`. */
  async cancel(id: string): Promise<Operation> {
    return await this.#command(CANCEL_OPERATION_CALL, id);
  }

  /** Tries an operation again; resolves to it as it stands then. Rejects with a `CallError`. */
  async retry(id: string): Promise<Operation> {
    return await this.#command(RETRY_OPERATION_CALL, id);
  }

  /** Asks the server; what it answers is not added to those of the page. Rejects with a `CallError`. */
  async list(filter: OperationFilter = {}): Promise<OperationList> {
    return await this.#sync.list(filter);
  }

  /** Adds older ones that have ended, if there are any. Rejects with a `CallError`. */
  async loadMore(): Promise<void> {
    await this.#sync.loadMore();
  }

  /** The user has seen how these have ended: no page tells it again. */
  markSeen(ids: readonly string[]): void {
    this.#store.markSeen(ids);
    this.#seen.add(ids);
  }

  /** Asks which ends have been seen meanwhile, elsewhere. Rejects with a `CallError`. */
  async refreshEnded(): Promise<void> {
    await this.#sync.refreshEnded();
  }

  /** Merges an event, if it is an operation's. */
  hear(event: ReceivedEvent): void {
    if (isOperationEvent(event.type)) this.#store.apply(event as OperationEvent);
  }

  /** The connection is there; resolves when the operations are too, `null` when they are already. */
  onSynced(hasGap: boolean): Promise<void> | null {
    this.#seen.flushSoon();
    return this.#sync.onSynced(hasGap);
  }

  onDisconnected(): void {
    this.#sync.onDisconnected();
  }

  /** Forgets everything: it was another identity's. */
  clear(): void {
    this.#sync.clear();
    this.#seen.clear();
    this.#store.clear();
  }

  async #command(method: string, id: string): Promise<Operation> {
    const snapshot = await this.#call<OperationSnapshot>(method, { id });
    return this.#store.merge(snapshot, 'event');
  }
}
