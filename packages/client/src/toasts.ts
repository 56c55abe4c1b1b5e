import { isTerminal } from '@trunkline/contract';
import { EndToasts } from './end-toasts.ts';
import { guard, type OnError } from './log.ts';
import {
  isOwnOperation,
  kindType,
  named,
  type Operation,
  type OperationKind,
} from './operation.ts';
import type { OperationSource } from './operation-store.ts';
import { RunningToasts } from './running-toasts.ts';
import { type OperationCommands, ToastActions } from './toast-actions.ts';
import type { ToastAdapter } from './toast-adapter.ts';
import { ToastScreen } from './toast-screen.ts';
import {
  backgroundLook,
  endLook,
  runningLook,
  type ToastLook,
  type ToastText,
} from './toast-text.ts';

/** Which operations are toasted, and how. */
export interface OperationToastOptions {
  /**
   * Only these kinds, by type or by definition, whose label then names them. Default: all, but of parents
   * and their children the parents alone.
   */
  readonly types?: readonly OperationKind[] | undefined;
  /** Not these kinds. */
  readonly exclude?: readonly OperationKind[] | undefined;
  /** `tenant` also toasts what is not this user's own. */
  readonly include?: 'tenant' | undefined;
  /** Called when a toasted operation has ended; its `state` says how. */
  readonly onComplete?: ((operation: Operation) => void) | undefined;
  /** Other words for an operation's toast, or a button; what it leaves out stays as it is. */
  readonly render?: ((operation: Operation) => Partial<ToastText>) | undefined;
  /** Shows all operations, where there is no room for more toasts: makes the button `Show all`. */
  readonly onShowAll?: (() => void) | undefined;
}

/** What the controller needs of its client. */
export interface ToastContext {
  readonly adapter: ToastAdapter;
  readonly operations: { get(id: string): Operation | undefined; values(): Operation[] };
  /** Default: none, and no buttons. */
  readonly commands?: OperationCommands | undefined;
  /** Distinguishes the tenants in a toast's id. */
  readonly realmName: () => string;
  readonly onError: OnError;
}

const LINGER_MS = 5000;

const NO_COMMANDS: OperationCommands = {
  userId: '',
  watch: () => () => {},
  cancel: () => Promise.resolve(),
  retry: () => Promise.resolve(),
  markSeen: () => {},
  refreshEnded: () => Promise.resolve(),
};

/** Shows one user's operations as toasts, one each, however many pages ask for it. */
export class ToastController {
  readonly #context: ToastContext;
  readonly #commands: OperationCommands;
  readonly #readers = new Set<() => OperationToastOptions>();
  readonly #screen: ToastScreen;
  readonly #running: RunningToasts;
  readonly #ends: EndToasts;
  readonly #actions: ToastActions;
  /** The options of the last page: they hold until its toasts have gone to the background. */
  #lingering: (() => OperationToastOptions) | null = null;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: ToastContext) {
    this.#context = context;
    this.#commands = context.commands ?? NO_COMMANDS;
    this.#screen = new ToastScreen(context.adapter);
    this.#actions = new ToastActions({
      commands: this.#commands,
      onError: context.onError,
      repaint: (id) => {
        this.#running.repaint(id);
        this.#ends.repaint(id);
      },
    });
    this.#running = this.#createRunning();
    this.#ends = this.#createEnds();
  }

  /** Shows toasts while at least one page is mounted; `read` gives that page's newest options. */
  mount(read: () => OperationToastOptions): () => void {
    clearTimeout(this.#lingerTimer);
    this.#lingering = null;
    const reader = () => read();
    this.#readers.add(reader);
    const stopWatching = this.#commands.watch();
    for (const operation of this.#context.operations.values()) {
      if (!isTerminal(operation.state)) this.update(operation, undefined);
    }
    return () => {
      if (!this.#readers.delete(reader)) return;
      stopWatching();
      if (this.#readers.size === 0) this.#linger(reader);
      else this.#releaseUnwanted();
    };
  }

  /** Has anything been on the screen that may still be there? */
  get hasShown(): boolean {
    return this.#screen.hasShown;
  }

  /** Takes an operation's new state; `before` is the one it replaces. */
  update(
    operation: Operation,
    before: Operation | undefined,
    source: OperationSource = 'event',
  ): void {
    if (before && !isSameStep(before, operation)) this.#actions.settle(operation.id);
    const accepting = this.#accepting(operation);
    if (accepting.length === 0) this.#release(operation);
    else if (!isTerminal(operation.state)) this.#onProgress(operation.id, source);
    else if (before || source === 'event')
      this.#onEnd(
        operation,
        accepting.filter((options) => !this.#hasSeenEnd(options, operation, before)),
      );
    else if (source === 'load') this.#showEnd(operation, true);
  }

  /** Removes the toast of an operation that is not known any more; what is said of its end stays. */
  forget(id: string): void {
    this.#running.remove(id);
    this.#ends.forget(id);
  }

  /** The user is back at the page. */
  onReturn(): void {
    this.#ends.onReturn();
  }

  /** Lets go of what is under way: the page has left, the operations have not ended. */
  moveToBackground(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingering = null;
    for (const id of this.#running.ids()) this.#running.freeze(id);
    this.#running.hideSummary();
  }

  /** Removes every toast: they were another identity's. */
  clear(): void {
    clearTimeout(this.#lingerTimer);
    this.#lingering = null;
    const running = this.#running.ids().map((id) => this.#toastId(id));
    this.#running.clear();
    this.#ends.clear();
    this.#actions.clear();
    this.#screen.clear(running);
  }

  #createRunning(): RunningToasts {
    const { operations, realmName } = this.#context;
    const withOperation = (look: (operation: Operation) => ToastLook) => (id: string) => {
      const operation = operations.get(id);
      return operation ? look(operation) : null;
    };
    return new RunningToasts({
      screen: this.#screen,
      toastId: (id) => this.#toastId(id),
      summaryId: (appearance) => `trunkline-more:${realmName()}:${appearance}`,
      look: withOperation((operation) => this.#look(operation, runningLook)),
      backgroundLook: withOperation((operation) => backgroundLook(this.#named(operation))),
      onShowAll: () => this.#options().find(({ onShowAll }) => onShowAll)?.onShowAll,
    });
  }

  #createEnds(): EndToasts {
    const { operations, realmName } = this.#context;
    const { userId } = this.#commands;
    return new EndToasts({
      screen: this.#screen,
      userId,
      get: (id) => operations.get(id),
      look: (operation, isAway) =>
        this.#look(operation, (shown, words) => endLook(shown, words, isAway)),
      isWanted: (operation) => this.#accepting(operation).length > 0,
      claimName: ({ id, attempt, seq }) =>
        JSON.stringify(['trunkline-op', realmName(), userId, id, attempt, seq]),
      markSeen: (id) => this.#commands.markSeen([id]),
      refreshEnded: () => this.#commands.refreshEnded(),
    });
  }

  #options(): OperationToastOptions[] {
    const readers = this.#lingering ? [this.#lingering] : [...this.#readers];
    return readers.map((read) => read());
  }

  #accepting(operation: Operation): OperationToastOptions[] {
    return this.#options().filter((options) => this.#accepts(options, operation));
  }

  #accepts(options: OperationToastOptions, operation: Operation): boolean {
    const { types, exclude, include } = options;
    const isOf = (kind: OperationKind) => kindType(kind) === operation.type;
    if (!this.#isOwn(operation) && include !== 'tenant') return false;
    if (exclude?.some(isOf)) return false;
    return types ? types.some(isOf) : operation.parentId === undefined;
  }

  #isOwn(operation: Operation): boolean {
    return isOwnOperation(operation, this.#commands.userId);
  }

  /** One end can come twice: announced to the tenant first, then to its owner. */
  #hasSeenEnd(
    options: OperationToastOptions,
    operation: Operation,
    before: Operation | undefined,
  ): boolean {
    return before !== undefined && isSameStep(before, operation) && this.#accepts(options, before);
  }

  /** No page wants this operation's toast any more. */
  #release({ id, state }: Operation): void {
    if (!this.#running.has(id)) return;
    if (isTerminal(state)) this.#running.remove(id);
    else this.#running.freeze(id);
    this.#running.layout();
  }

  #releaseUnwanted(): void {
    for (const id of this.#running.ids()) {
      const operation = this.#context.operations.get(id);
      if (operation && this.#accepting(operation).length === 0) this.#release(operation);
    }
  }

  #linger(reader: () => OperationToastOptions): void {
    this.#lingering = reader;
    this.#lingerTimer = setTimeout(() => this.moveToBackground(), LINGER_MS);
  }

  #onProgress(id: string, source: OperationSource): void {
    const failure = this.#ends.takeFailure(id);
    if (failure !== null && failure !== this.#toastId(id)) this.#screen.dismiss(failure);
    this.#running.update(id, { isFound: source === 'load', isInPlace: failure !== null });
  }

  #onEnd(operation: Operation, accepting: OperationToastOptions[]): void {
    if (accepting.length === 0) return;
    this.#showEnd(operation, false);
    if (this.#lingering) return;
    for (const { onComplete } of accepting) {
      if (onComplete) guard(() => onComplete(operation), this.#context.onError);
    }
  }

  #showEnd(operation: Operation, isAway: boolean): void {
    const { id } = operation;
    this.#running.stop(id);
    // a toast that the user closed may still be leaving: the end is a toast of its own
    const toastId = this.#toastId(id) + (this.#running.takeDismissal(id) ? ':end' : '');
    this.#ends.show({ operation, toastId, isAway });
    this.#running.layout();
  }

  #look(
    operation: Operation,
    lookOf: (operation: Operation, words: Partial<ToastText>) => ToastLook,
  ): ToastLook {
    const words = this.#words(operation);
    const note = this.#actions.noteOf(operation.id);
    const action = this.#actions.of(operation, words.action);
    return {
      ...lookOf(this.#named(operation), words),
      ...(note === undefined ? {} : { description: note }),
      ...(action ? { action } : {}),
    };
  }

  #words(operation: Operation): Partial<ToastText> {
    const words: Partial<ToastText> = {};
    guard(() => {
      for (const options of this.#accepting(operation)) {
        Object.assign(words, options.render?.(operation));
      }
    }, this.#context.onError);
    return words;
  }

  /** By the name that a page's definition gives to its kind. */
  #named(operation: Operation): Operation {
    return named(
      operation,
      this.#options().flatMap(({ types }) => types ?? []),
    );
  }

  #toastId(operationId: string): string {
    return `trunkline-op:${this.#context.realmName()}:${operationId}`;
  }
}

/** Is it still in the same state of the same attempt? */
function isSameStep(before: Operation, after: Operation): boolean {
  return before.attempt === after.attempt && before.state === after.state;
}
