import { isTerminal } from '@trunkline/contract';
import { guard, type OnError } from './log.ts';
import type { Operation } from './operations.ts';
import { Pace } from './pace.ts';
import { RecentIds } from './recent.ts';
import type { ToastAdapter } from './toast-adapter.ts';
import {
  backgroundLook,
  endLook,
  runningLook,
  summaryLook,
  type ToastLook,
  type ToastText,
} from './toast-text.ts';

/** Which operations are toasted, and how. */
export interface OperationToastOptions {
  /** Only these operation types. Default: all. */
  readonly types?: readonly string[] | undefined;
  /** Not these operation types. */
  readonly exclude?: readonly string[] | undefined;
  /** `tenant` also toasts what is addressed to more people than this user. */
  readonly include?: 'tenant' | undefined;
  /** Called when a toasted operation has ended; its `state` says how. */
  readonly onComplete?: ((operation: Operation) => void) | undefined;
  /** Other words for an operation's toast; what it leaves out stays as it is. */
  readonly render?: ((operation: Operation) => Partial<ToastText>) | undefined;
}

/** What the controller needs of its client. */
export interface ToastContext {
  readonly adapter: ToastAdapter;
  readonly operations: { get(id: string): Operation | undefined; values(): Operation[] };
  /** Distinguishes the tenants in a toast's id. */
  readonly realmName: () => string;
  readonly onError: OnError;
}

/** The toast of an operation that is under way. */
interface RunningToast {
  readonly paint: Pace;
  readonly revealTimer: ReturnType<typeof setTimeout>;
  /** Old enough to be shown. */
  isDue: boolean;
  isVisible: boolean;
}

const REVEAL_AFTER_MS = 400;
const PAINT_INTERVAL_MS = 250;
const LINGER_MS = 5000;
const MAX_RUNNING = 3;
const MAX_FAILURES = 5;
const REMEMBERED_TOASTS = 50;

/** Shows one user's operations as toasts, one each, however many pages ask for it. */
export class ToastController {
  readonly #context: ToastContext;
  readonly #readers = new Set<() => OperationToastOptions>();
  readonly #running = new Map<string, RunningToast>();
  /** Operations whose running toast the user has closed. */
  readonly #dismissed = new Set<string>();
  readonly #failures = new Set<string>();
  readonly #shown = new RecentIds(REMEMBERED_TOASTS);
  readonly #summary = new Pace(PAINT_INTERVAL_MS, () => this.#paintSummary());
  #summaryId: string | null = null;
  #isSummaryDismissed = false;
  #appearances = 0;
  /** The options of the last page: they hold until its toasts have gone to the background. */
  #lingering: (() => OperationToastOptions) | null = null;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: ToastContext) {
    this.#context = context;
  }

  /** Shows toasts while at least one page is mounted; `read` gives that page's newest options. */
  mount(read: () => OperationToastOptions): () => void {
    clearTimeout(this.#lingerTimer);
    this.#lingering = null;
    const reader = () => read();
    this.#readers.add(reader);
    for (const operation of this.#context.operations.values()) {
      if (!isTerminal(operation.state)) this.update(operation, undefined);
    }
    return () => {
      if (!this.#readers.delete(reader)) return;
      if (this.#readers.size === 0) this.#linger(reader);
      else this.#releaseUnwanted();
    };
  }

  /** Has anything been on the screen that may still be there? */
  get hasShown(): boolean {
    return this.#shown.values().length > 0 || this.#failures.size > 0;
  }

  /** Takes an operation's new state; `before` is the one it replaces. */
  update(operation: Operation, before: Operation | undefined): void {
    const accepting = this.#accepting(operation);
    if (accepting.length === 0) this.#release(operation);
    else if (!isTerminal(operation.state)) this.#onProgress(operation.id);
    else
      this.#onEnd(
        operation,
        accepting.filter((options) => !hasSeenEnd(options, operation, before)),
      );
  }

  /** Removes the toast of an operation that is not known any more. */
  forget(id: string): void {
    this.#dismissed.delete(id);
    if (!this.#stopRunning(id)) return;
    this.#dismiss(this.#toastId(id));
    this.#layout();
  }

  /** Lets go of what is under way: the page has left, the operations have not ended. */
  moveToBackground(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingering = null;
    for (const id of [...this.#running.keys()]) this.#freeze(id);
    this.#hideSummary();
  }

  /** Removes every toast: they were another identity's. */
  clear(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingering = null;
    const running = [...this.#running.keys()];
    for (const id of running) this.#stopRunning(id);
    this.#hideSummary();
    // `#shown` forgets the oldest, and what stays until it is closed may be older
    const lasting = [...this.#failures, ...running.map((id) => this.#toastId(id))];
    for (const id of new Set([...this.#shown.values(), ...lasting])) this.#dismiss(id);
    this.#dismissed.clear();
    this.#failures.clear();
  }

  #options(): OperationToastOptions[] {
    const readers = this.#lingering ? [this.#lingering] : [...this.#readers];
    return readers.map((read) => read());
  }

  #accepting(operation: Operation): OperationToastOptions[] {
    return this.#options().filter((options) => accepts(options, operation));
  }

  /** No page wants this operation's toast any more. */
  #release({ id, state }: Operation): void {
    if (!this.#running.has(id)) return;
    if (isTerminal(state)) this.forget(id);
    else this.#freeze(id);
    this.#layout();
  }

  #releaseUnwanted(): void {
    for (const id of [...this.#running.keys()]) {
      const operation = this.#context.operations.get(id);
      if (operation && this.#accepting(operation).length === 0) this.#release(operation);
    }
  }

  /** Says for a moment that it goes on, instead of standing still. */
  #freeze(id: string): void {
    const isVisible = this.#running.get(id)?.isVisible;
    const operation = this.#context.operations.get(id);
    this.#stopRunning(id);
    if (isVisible && operation) this.#show(this.#toastId(id), backgroundLook(operation));
  }

  #linger(reader: () => OperationToastOptions): void {
    this.#lingering = reader;
    this.#lingerTimer = setTimeout(() => this.moveToBackground(), LINGER_MS);
  }

  #onProgress(id: string): void {
    if (this.#dismissed.has(id)) return;
    const running = this.#running.get(id);
    if (running?.isVisible) running.paint.request();
    if (running) return;
    this.#running.set(id, {
      paint: new Pace(PAINT_INTERVAL_MS, () => this.#paint(id)),
      revealTimer: setTimeout(() => this.#reveal(id), REVEAL_AFTER_MS),
      isDue: false,
      isVisible: false,
    });
  }

  #reveal(id: string): void {
    const running = this.#running.get(id);
    if (running) running.isDue = true;
    this.#layout();
  }

  /** Gives free places to those that wait, oldest first; the rest is counted in the summary. */
  #layout(): void {
    const due = [...this.#running.values()].filter(({ isDue }) => isDue);
    const free = MAX_RUNNING - due.filter(({ isVisible }) => isVisible).length;
    const waiting = due.filter(({ isVisible }) => !isVisible);
    for (const running of waiting.slice(0, Math.max(0, free))) {
      running.isVisible = true;
      running.paint.request();
    }
    this.#summary.request();
  }

  #paint(id: string): void {
    const operation = this.#context.operations.get(id);
    if (operation)
      this.#show(this.#toastId(id), runningLook(operation, this.#words(operation)), id);
  }

  #paintSummary(): void {
    const count = [...this.#running.values()].filter(
      (toast) => toast.isDue && !toast.isVisible,
    ).length;
    if (count === 0) {
      this.#hideSummary();
      return;
    }
    if (this.#isSummaryDismissed) return;
    // a new id each time: an adapter may still be taking the last one away
    this.#summaryId ??= `trunkline-more:${this.#context.realmName()}:${++this.#appearances}`;
    this.#show(this.#summaryId, summaryLook(count));
  }

  #hideSummary(): void {
    this.#summary.stop();
    this.#isSummaryDismissed = false;
    if (this.#summaryId !== null) this.#dismiss(this.#summaryId);
    this.#summaryId = null;
  }

  #onEnd(operation: Operation, accepting: OperationToastOptions[]): void {
    if (accepting.length === 0) return;
    this.#stopRunning(operation.id);
    const wasClosed = this.#dismissed.delete(operation.id);
    // a toast that the user closed may still be leaving: the end is a toast of its own
    const toastId = this.#toastId(operation.id) + (wasClosed ? ':end' : '');
    const look = endLook(operation, this.#words(operation));
    this.#show(toastId, look);
    if (look.kind === 'error') this.#keepFailure(toastId);
    this.#layout();
    if (this.#lingering) return;
    for (const { onComplete } of accepting) {
      if (onComplete) guard(() => onComplete(operation), this.#context.onError);
    }
  }

  #keepFailure(toastId: string): void {
    this.#failures.delete(toastId);
    this.#failures.add(toastId);
    const [oldest] = this.#failures;
    if (this.#failures.size > MAX_FAILURES && oldest !== undefined) this.#dismiss(oldest);
  }

  #stopRunning(id: string): boolean {
    const running = this.#running.get(id);
    if (!running) return false;
    clearTimeout(running.revealTimer);
    running.paint.stop();
    return this.#running.delete(id);
  }

  #words(operation: Operation): Partial<ToastText> {
    const words: Partial<ToastText> = {};
    guard(() => {
      for (const { render, ...options } of this.#options()) {
        if (render && accepts(options, operation)) Object.assign(words, render(operation));
      }
    }, this.#context.onError);
    return words;
  }

  #show(id: string, look: ToastLook, operationId?: string): void {
    // of the ids that are forgotten first, an update makes this the last
    this.#shown.delete(id);
    this.#shown.add(id);
    // a failure that is tried again is none any more
    this.#failures.delete(id);
    this.#context.adapter.show({ ...look, id, onClose: () => this.#onClose(id, operationId) });
  }

  #onClose(id: string, operationId: string | undefined): void {
    this.#shown.delete(id);
    this.#failures.delete(id);
    if (id === this.#summaryId) {
      this.#isSummaryDismissed = true;
      this.#summaryId = null;
    }
    if (operationId === undefined || !this.#stopRunning(operationId)) return;
    this.#dismissed.add(operationId);
    this.#layout();
  }

  #dismiss(id: string): void {
    this.#shown.delete(id);
    this.#failures.delete(id);
    this.#context.adapter.dismiss(id);
  }

  #toastId(operationId: string): string {
    return `trunkline-op:${this.#context.realmName()}:${operationId}`;
  }
}

/** One end can come twice: announced to the tenant first, then to its owner. */
function hasSeenEnd(
  options: OperationToastOptions,
  { attempt }: Operation,
  before: Operation | undefined,
): boolean {
  const wasOver = before?.attempt === attempt && isTerminal(before.state);
  return wasOver && accepts(options, before);
}

function accepts(options: OperationToastOptions, { type, scope }: Operation): boolean {
  if (scope !== 'user' && options.include !== 'tenant') return false;
  if (options.exclude?.includes(type)) return false;
  return options.types?.includes(type) ?? true;
}
