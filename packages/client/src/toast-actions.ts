import { isTerminal } from '@trunkline/contract';
import { CallError } from './call.ts';
import { guard, type OnError, report } from './log.ts';
import { isOwnOperation, type Operation } from './operation.ts';
import type { ToastAction } from './toast-adapter.ts';
import type { ToastText } from './toast-text.ts';

/** Whose operations they are, and what is asked of the server. */
export interface OperationCommands {
  readonly userId: string;
  watch(): () => void;
  cancel(id: string): Promise<unknown>;
  retry(id: string): Promise<unknown>;
  markSeen(ids: readonly string[]): void;
  refreshEnded(): Promise<void>;
}

/** What the buttons of toasts work with. */
export interface ToastActionsContext {
  readonly commands: OperationCommands;
  readonly onError: OnError;
  /** The operation's toast is to look otherwise. */
  readonly repaint: (id: string) => void;
}

const NOTE_MS = 8000;
/** The server's own mistake: nothing that a user could have known. */
const INTERNAL_ERROR = 100;

/** The buttons on toasts: what they do, and what is said while it is done, or when it fails. */
export class ToastActions {
  readonly #context: ToastActionsContext;
  readonly #notes = new Map<string, string>();
  readonly #busy = new Set<string>();

  constructor(context: ToastActionsContext) {
    this.#context = context;
  }

  /** The button of an operation as it stands: the app's own, else what the server can do for its owner. */
  of(operation: Operation, wish: ToastText['action'] | undefined): ToastAction | undefined {
    if (typeof wish !== 'object') return this.#command(operation, wish);
    if (!isTerminal(operation.state)) return this.#command(operation, undefined);
    const { onError } = this.#context;
    return { label: wish.label, onClick: () => guard(() => wish.onClick(), onError) };
  }

  /** What there is to say of an action on this operation. */
  noteOf(id: string): string | undefined {
    return this.#notes.get(id);
  }

  /** The operation has moved on: there is nothing more to say. */
  settle(id: string): void {
    this.#notes.delete(id);
  }

  clear(): void {
    this.#notes.clear();
    this.#busy.clear();
  }

  /** What the server can do, by this word; nothing for one that cannot be helped. */
  #command(operation: Operation, word: string | undefined): ToastAction | undefined {
    const { commands } = this.#context;
    const { id, state, isStored, isCancellable, isRetryable } = operation;
    const isOwn = isStored && isOwnOperation(operation, commands.userId);
    if (!isOwn || this.#busy.has(id)) return undefined;
    if (isTerminal(state)) {
      const hasFailed = state === 'failed' || state === 'crashed';
      if (!hasFailed || !isRetryable) return undefined;
      const retry = () => this.#run(id, 'Trying again…', () => commands.retry(id));
      return { label: word ?? 'Retry', onClick: retry };
    }
    if (!isCancellable || state === 'cancelling') return undefined;
    const cancel = () => this.#run(id, 'Cancelling…', () => commands.cancel(id));
    return { label: word ?? 'Cancel', onClick: cancel };
  }

  #run(id: string, note: string, command: () => Promise<unknown>): void {
    if (this.#busy.has(id)) return;
    this.#busy.add(id);
    this.#say(id, note);
    command().then(
      () => this.#onDone(id, note),
      (error: unknown) => this.#onFailure(id, error),
    );
  }

  #onDone(id: string, note: string): void {
    this.#busy.delete(id);
    if (this.#notes.get(id) === note) this.#notes.delete(id);
    this.#context.repaint(id);
  }

  #onFailure(id: string, error: unknown): void {
    this.#busy.delete(id);
    const isExpected = error instanceof CallError && error.code !== INTERNAL_ERROR;
    if (!isExpected) report(error, this.#context.onError);
    const message = error instanceof Error ? error.message : String(error);
    this.#say(id, message);
    setTimeout(() => this.#unsay(id, message), NOTE_MS);
  }

  #say(id: string, note: string): void {
    this.#notes.set(id, note);
    this.#context.repaint(id);
  }

  #unsay(id: string, note: string): void {
    if (this.#notes.get(id) !== note) return;
    this.#notes.delete(id);
    this.#context.repaint(id);
  }
}
