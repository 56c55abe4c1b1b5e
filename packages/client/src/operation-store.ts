import { isTerminal, type OperationSnapshot, operationEventProblem } from '@trunkline/contract';
import { warn } from './log.ts';
import type { Operation, OperationEvent } from './operation.ts';
import { applyOperationEvent } from './operation-event.ts';
import { Pace } from './pace.ts';
import { Store } from './store.ts';
import { applySnapshot } from './stored-operation.ts';

/**
 * How a change has become known: as it happened; from the list that is loaded after a connect, and worth
 * showing; or by looking into the past.
 */
export type OperationSource = 'event' | 'load' | 'history';

/** Told when an operation changes, or is forgotten. */
export interface OperationListener {
  /** `before`: as it was, `undefined` when it is new. */
  onChange(operation: Operation, before: Operation | undefined, source: OperationSource): void;
  onForget(id: string): void;
}

/** What a page shows of its operations. */
export interface OperationsState {
  /** The newest first. */
  readonly operations: readonly Operation[];
  /** Has the server's list been read? */
  readonly isLoaded: boolean;
  /** Are there older ones that have ended? */
  readonly hasMore: boolean;
}

/** Before anything has been heard. */
export const NO_OPERATIONS: OperationsState = Object.freeze({
  operations: Object.freeze([]),
  isLoaded: false,
  hasMore: false,
});

const STALLED_MS = 2 * 60_000;
const FORGOTTEN_MS = 30 * 60_000;
const MAX_ENDED = 200;
const TELL_INTERVAL_MS = 250;
/** Of five hundred that end together, not each makes a list of its own. */
const STEP_INTERVAL_MS = 16;

/** The operations that this page has heard of, by id. */
export class OperationStore {
  /** Progress makes another one at most four times a second; another state shows at once. */
  readonly state: Store<OperationsState> = new Store(NO_OPERATIONS);
  readonly #operations = new Map<string, Operation>();
  readonly #listener: OperationListener;
  readonly #tell = new Pace(TELL_INTERVAL_MS, () => this.note({}));
  #maxEnded = MAX_ENDED;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: OperationListener) {
    this.#listener = listener;
  }

  get(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  values(): Operation[] {
    return [...this.#operations.values()];
  }

  /** Merges an event; malformed data is ignored, and the developer told. */
  apply(event: OperationEvent): void {
    const problem = operationEventProblem(event.type, event.data);
    if (problem !== null) {
      warn(`Ignored ${event.type}: ${problem}.`);
      return;
    }
    const before = this.#operations.get(event.data.operationId);
    const after = applyOperationEvent(before, event, Date.now());
    if (after !== before) this.#change(after, 'event');
    if (after.isStored) return;
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer();
  }

  /** Merges what the server has answered; returns the operation as it stands now. */
  merge(snapshot: OperationSnapshot, source: OperationSource): Operation {
    const before = this.#operations.get(snapshot.id);
    const after = applySnapshot(before, snapshot, Date.now());
    if (after !== before) this.#change(after, source);
    return after;
  }

  /** These have been seen by their owner. */
  markSeen(ids: readonly string[]): void {
    for (const id of ids) {
      const operation = this.#operations.get(id);
      if (operation && !operation.isSeen) this.#change({ ...operation, isSeen: true }, 'history');
    }
  }

  /** Lets go of one that the server does not know any more, or not for this user. */
  drop(id: string): void {
    this.#forget(id);
    this.#tell.runNow();
  }

  /** Makes room for so many more that have ended: somebody looks at older ones. */
  keepMore(count: number): void {
    this.#maxEnded += count;
  }

  /** Takes new facts about the list, along with the list. */
  note(facts: Partial<Omit<OperationsState, 'operations'>>): void {
    this.#tell.stop();
    const operations = this.values().toSorted(newestFirst);
    this.state.set({ ...this.state.get(), ...facts, operations });
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tell.stop();
    this.#operations.clear();
    this.#maxEnded = MAX_ENDED;
    this.state.set(NO_OPERATIONS);
  }

  #change(operation: Operation, source: OperationSource): void {
    const before = this.#operations.get(operation.id);
    this.#operations.set(operation.id, operation);
    this.#listener.onChange(operation, before, source);
    if (isTerminal(operation.state)) this.#forgetOldest();
    const isStep = before !== undefined && before.state !== operation.state;
    this.#tell.request(isStep ? STEP_INTERVAL_MS : TELL_INTERVAL_MS);
  }

  #startTimer(): ReturnType<typeof setTimeout> | undefined {
    const deadlines = this.#raw().map(deadline);
    if (deadlines.length === 0) return undefined;
    const waitMs = Math.max(0, Math.min(...deadlines) - Date.now());
    return setTimeout(() => this.#onTimer(), waitMs);
  }

  #onTimer(): void {
    const now = Date.now();
    for (const operation of this.#raw()) {
      if (now >= operation.heardAt + FORGOTTEN_MS) this.drop(operation.id);
      else if (now >= deadline(operation)) this.#change({ ...operation, isStalled: true }, 'event');
    }
    this.#timer = this.#startTimer();
  }

  /** Those that nobody but this page watches over. */
  #raw(): Operation[] {
    return this.values().filter(({ isStored }) => !isStored);
  }

  #forgetOldest(): void {
    const ended = this.values().filter(({ state }) => isTerminal(state));
    if (ended.length <= this.#maxEnded) return;
    const [oldest] = ended.toSorted((a, b) => endedAt(a) - endedAt(b));
    if (oldest) this.#forget(oldest.id);
  }

  #forget(id: string): void {
    if (this.#operations.delete(id)) this.#listener.onForget(id);
  }
}

/** When silence changes the next thing: stalled first, forgotten in the end. */
function deadline({ state, isStalled, heardAt }: Operation): number {
  return heardAt + (isStalled || isTerminal(state) ? FORGOTTEN_MS : STALLED_MS);
}

function endedAt({ finishedAt, heardAt }: Operation): number {
  return finishedAt ?? heardAt;
}

/** Of one millisecond, the ids tell: a ULID of later is a greater one. */
function newestFirst(a: Operation, b: Operation): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : -1;
}
