import {
  type EventFor,
  type EventScope,
  isTerminal,
  type OperationState,
  operationEventProblem,
  operationLabel,
  toPercentage,
} from '@trunkline/contract';
import { warn } from './log.ts';

/** An event of an operation. */
export type OperationEvent = EventFor<'operation:*'>;

/** What is known of a long-running operation. */
export interface Operation {
  readonly id: string;
  readonly type: string;
  /** The type in words: `user-import` → `User Import`. */
  readonly label: string;
  readonly state: OperationState;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** 0 to 100; never falls within an attempt. Absent: unknown. */
  readonly percentage?: number;
  readonly stage?: string;
  /** The last line for the user: of the progress, or of the end. */
  readonly message?: string;
  readonly result?: unknown;
  readonly error?: { readonly code?: string; readonly message: string };
  /** Whom its events are addressed to. */
  readonly scope: EventScope;
  /** Silent for two minutes. */
  readonly isStalled: boolean;
  /** When its last event arrived, milliseconds since 1970. */
  readonly heardAt: number;
}

/**
 * The operation after an event; the same object when the event changes nothing: progress behind
 * the end, a second end, an older attempt.
 */
export function applyOperationEvent(
  before: Operation | undefined,
  event: OperationEvent,
  now: number,
): Operation {
  const scope = before?.scope === 'user' ? 'user' : event.scope;
  const attempt = event.data.attempt ?? before?.attempt ?? 1;
  const isNewAttempt = before === undefined || attempt > before.attempt;
  if (!isNewAttempt && (attempt < before.attempt || isTerminal(before.state))) {
    return withScope(before, scope);
  }
  const current = isNewAttempt ? startAttempt(event, attempt) : before;
  const { scope: known } = withScope(current, scope);
  return {
    ...current,
    ...changes(current, event),
    scope: known,
    isStalled: false,
    heardAt: now,
  };
}

/** What is also announced to others is the user's own as soon as one copy is addressed to them. */
function withScope(operation: Operation, scope: EventScope): Operation {
  const isNews = scope === 'user' && operation.scope !== 'user';
  return isNews ? { ...operation, scope } : operation;
}

function startAttempt({ data, scope }: OperationEvent, attempt: number): Operation {
  return {
    id: data.operationId,
    type: data.operationType,
    label: operationLabel(data.operationType),
    state: 'running',
    attempt,
    scope,
    isStalled: false,
    heardAt: 0,
  };
}

type Changes = { -readonly [K in keyof Operation]?: Operation[K] };

function changes(current: Operation, event: OperationEvent): Changes {
  switch (event.type) {
    case 'operation:progress':
      return progressChanges(current, event);
    case 'operation:complete':
      return {
        state: 'succeeded',
        message: ownMessage(event) ?? `${current.label} completed`,
        result: event.data.result,
      };
    case 'operation:error': {
      const { error } = event.data;
      const details = typeof error === 'string' ? { message: error } : error;
      const message = ownMessage(event) ?? `${current.label} failed`;
      return {
        state: details.code === 'cancelled' ? 'cancelled' : 'failed',
        message,
        error: details,
      };
    }
  }
}

/** Apps write the metadata themselves, and a toast of anything but a text breaks the page. */
function ownMessage({ metadata }: OperationEvent): string | undefined {
  const message: unknown = metadata?.message;
  return typeof message === 'string' ? message : undefined;
}

function progressChanges(current: Operation, { data }: EventFor<'operation:progress'>): Changes {
  const changed: Changes = { state: 'running' };
  const percentage = toPercentage(data.percentage);
  if (percentage !== undefined) {
    changed.percentage = Math.max(percentage, current.percentage ?? 0);
  }
  if (typeof data.stage === 'string') changed.stage = data.stage;
  if (typeof data.message === 'string') changed.message = data.message;
  return changed;
}

/** Told when an operation changes, or is forgotten. */
export interface OperationListener {
  /** `before`: as it was, `undefined` when it is new. */
  onChange(operation: Operation, before: Operation | undefined): void;
  onForget(id: string): void;
}

const STALLED_MS = 2 * 60_000;
const FORGOTTEN_MS = 30 * 60_000;

/** The operations that this page has heard of, by id. */
export class OperationStore {
  readonly #operations = new Map<string, Operation>();
  readonly #listener: OperationListener;
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
    if (after !== before) this.#change(after);
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#operations.clear();
  }

  #change(operation: Operation): void {
    const before = this.#operations.get(operation.id);
    this.#operations.set(operation.id, operation);
    this.#listener.onChange(operation, before);
  }

  #startTimer(): ReturnType<typeof setTimeout> | undefined {
    const deadlines = this.values().map(deadline);
    if (deadlines.length === 0) return undefined;
    const waitMs = Math.max(0, Math.min(...deadlines) - Date.now());
    return setTimeout(() => this.#onTimer(), waitMs);
  }

  #onTimer(): void {
    const now = Date.now();
    for (const operation of this.values()) {
      if (now >= operation.heardAt + FORGOTTEN_MS) this.#forget(operation.id);
      else if (now >= deadline(operation)) this.#change({ ...operation, isStalled: true });
    }
    this.#timer = this.#startTimer();
  }

  #forget(id: string): void {
    this.#operations.delete(id);
    this.#listener.onForget(id);
  }
}

/** When silence changes the next thing: stalled first, forgotten in the end. */
function deadline({ state, isStalled, heardAt }: Operation): number {
  return heardAt + (isStalled || isTerminal(state) ? FORGOTTEN_MS : STALLED_MS);
}
