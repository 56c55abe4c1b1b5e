import { claim } from './claim.ts';
import { isOwnOperation, type Operation } from './operation.ts';
import { isPageHidden } from './page.ts';
import type { ToastScreen } from './toast-screen.ts';
import type { ToastLook } from './toast-text.ts';

/** What the toasts of operations that have ended are made of. */
export interface EndToastsContext {
  readonly screen: ToastScreen;
  readonly userId: string;
  /** How the operation stands now, if it is still known. */
  readonly get: (id: string) => Operation | undefined;
  readonly look: (operation: Operation, isAway: boolean) => ToastLook;
  /** Does a page want its toast? */
  readonly isWanted: (operation: Operation) => boolean;
  /** What all tabs call this end. */
  readonly claimName: (operation: Operation) => string;
  /** The user has seen how it ended. */
  readonly markSeen: (id: string) => void;
  /** Learns which ends have been seen elsewhere. */
  readonly refreshEnded: () => Promise<void>;
}

/** An end that is to be shown. */
export interface Ending {
  readonly operation: Operation;
  readonly toastId: string;
  /** It has ended before the page was there. */
  readonly isAway: boolean;
}

/** What is older is news no more: the list of operations has it. */
const NEWS_MS = 10 * 60_000;
/** So many at most when the user comes back, the newest. */
const MAX_RETURNED = 5;

/**
 * The last toast of each operation: once for the user, not once in each tab. Of a stored operation one
 * visible tab shows it; where nobody looks, it waits for the user, unless they have seen it elsewhere.
 */
export class EndToasts {
  readonly #context: EndToastsContext;
  /** Until the user is back at this page. */
  readonly #waiting = new Map<string, Ending>();
  /** Until it is clear which tab shows them. */
  readonly #undecided = new Map<string, Ending>();
  /** These stay on the screen until they are closed. */
  readonly #failures = new Map<string, Ending>();

  constructor(context: EndToastsContext) {
    this.#context = context;
  }

  show(ending: Ending): void {
    const { operation } = ending;
    this.withdraw(operation.id);
    if (isPageHidden()) this.#waiting.set(operation.id, ending);
    else this.#present(ending);
  }

  /** The user is back at the page. */
  onReturn(): void {
    const waiting = [...this.#waiting.values()];
    if (waiting.length === 0 || isPageHidden()) return;
    this.#waiting.clear();
    // before it is known which of them were seen elsewhere: each tab would tell of five others
    const told = newest(waiting);
    for (const ending of waiting.filter((one) => !told.includes(one))) this.#giveUp(ending);
    for (const ending of told.filter(({ operation }) => !operation.isStored)) {
      this.#present(ending);
    }
    const stored = told.filter(({ operation }) => operation.isStored);
    for (const ending of stored) this.#undecided.set(ending.operation.id, ending);
    if (stored.length > 0) void this.#presentUnseen(stored);
  }

  /** It goes on: its failure's toast, if it is on the screen, is the caller's. */
  takeFailure(id: string): string | null {
    this.withdraw(id);
    const failure = this.#failures.get(id);
    this.#failures.delete(id);
    return failure && this.#context.screen.hasFailure(failure.toastId) ? failure.toastId : null;
  }

  /** Shows what has changed in the toast of a failure. */
  repaint(id: string): void {
    const failure = this.#failures.get(id);
    if (failure && this.#context.screen.hasFailure(failure.toastId)) this.#paint(failure);
  }

  /** Shows no end of this operation that is not on the screen yet. */
  withdraw(id: string): void {
    this.#waiting.delete(id);
    this.#undecided.delete(id);
  }

  /** It is not known any more: what waits is not told. A failure that is on the screen stays there. */
  forget(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting) this.#giveUp(waiting);
  }

  clear(): void {
    this.#waiting.clear();
    this.#undecided.clear();
    this.#failures.clear();
  }

  /** What the app tells itself has no name that all tabs know. */
  #present(ending: Ending): void {
    if (ending.operation.isStored) void this.#presentOnce(ending);
    else this.#paint(ending);
  }

  async #presentOnce(ending: Ending): Promise<void> {
    const { operation } = ending;
    this.#undecided.set(operation.id, ending);
    const isOurs = await claim(this.#context.claimName(operation));
    if (!this.#isOpen(ending)) return;
    if (isOurs && this.#context.isWanted(operation)) this.#paint(ending);
    else this.#giveUp(ending);
  }

  async #presentUnseen(endings: readonly Ending[]): Promise<void> {
    try {
      await this.#context.refreshEnded();
    } catch {
      // twice is better than never
    }
    for (const ending of endings.filter((candidate) => this.#isOpen(candidate))) {
      if (this.#isSeen(ending.operation)) this.#giveUp(ending);
      else this.show(ending);
    }
  }

  #isOpen(ending: Ending): boolean {
    return this.#undecided.get(ending.operation.id) === ending;
  }

  #isSeen(operation: Operation): boolean {
    return this.#isOwn(operation) && this.#context.get(operation.id)?.isSeen === true;
  }

  #isOwn(operation: Operation): boolean {
    return operation.isStored && isOwnOperation(operation, this.#context.userId);
  }

  /** It is shown elsewhere, or nowhere: nothing of it stays here. */
  #giveUp({ operation, toastId }: Ending): void {
    this.withdraw(operation.id);
    this.#context.screen.dismiss(toastId);
  }

  #paint(ending: Ending): void {
    const { toastId, isAway } = ending;
    const { id } = ending.operation;
    const operation = this.#context.get(id) ?? ending.operation;
    this.withdraw(id);
    const look = this.#context.look(operation, isAway);
    this.#context.screen.show(toastId, look);
    if (look.kind === 'error') this.#keepFailure(ending);
    if (this.#isOwn(operation) && !operation.isSeen) this.#context.markSeen(id);
  }

  /** Of those that have been closed, nothing more is to be shown. */
  #keepFailure(ending: Ending): void {
    for (const [id, { toastId }] of this.#failures) {
      if (!this.#context.screen.hasFailure(toastId)) this.#failures.delete(id);
    }
    this.#failures.set(ending.operation.id, ending);
  }
}

/** Those to tell of on return, in the order in which they have ended. */
function newest(endings: readonly Ending[]): Ending[] {
  const endedAt = ({ operation: { finishedAt, heardAt } }: Ending) => finishedAt ?? heardAt;
  const since = Date.now() - NEWS_MS;
  return endings
    .filter((ending) => endedAt(ending) > since)
    .toSorted((a, b) => endedAt(a) - endedAt(b))
    .slice(-MAX_RETURNED);
}
