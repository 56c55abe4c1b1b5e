import type { OperationMessage } from './events.ts';
import { describeError, type OperationLog } from './log.ts';
import { within } from './within.ts';

/** Tells whom an update concerns; `false`: it was not accepted, try again later. */
export type PublishOperation = (message: OperationMessage) => Promise<boolean>;

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
/** Of so many operations at once the news can wait for a broker; of more, clients read the store. */
const MAX_LINES = 10_000;
/** So many updates of one operation can wait while one is on its way; of more, the newest says everything. */
const MAX_MESSAGES = 100;
/** A broker that has not answered by then has not taken it. */
const PUBLISH_MS = 10_000;
/** What is told while the process stops has so long to get out. */
const LAST_WORDS_MS = 1000;

/** The updates of one operation that are not out yet. */
interface Line {
  messages: OperationMessage[];
  pauseMs: number;
  drained: Promise<void>;
}

/**
 * Publishes updates, those of one operation in order. What the broker does not take is tried again until it
 * does: then the newest update alone, because it says everything that the ones before it said.
 */
export class Announcer {
  readonly #publish: PublishOperation;
  readonly #log: OperationLog;
  readonly #onNews: (id: string, newest: OperationMessage) => void;
  readonly #lines = new Map<string, Line>();
  readonly #stopped = new AbortController();

  constructor(
    publish: PublishOperation,
    log: OperationLog,
    onNews: (id: string, newest: OperationMessage) => void,
  ) {
    this.#publish = publish;
    this.#log = log;
    this.#onNews = onNews;
  }

  /** Never throws and never waits: whoever works has something else to do. */
  announce(messages: readonly OperationMessage[]): void {
    const newest = messages.at(-1);
    if (!newest || this.#stopped.signal.aborted) return;
    const id = newest.event.data.operationId;
    this.#onNews(id, newest);
    const line = this.#lines.get(id);
    if (line) {
      line.messages = bounded(inOrder(line.messages, messages));
      return;
    }
    if (this.#lines.size >= MAX_LINES) {
      this.#log.warn('operation_update_dropped', { operation: id, waiting: this.#lines.size });
      return;
    }
    const started: Line = {
      messages: [...messages],
      pauseMs: FIRST_PAUSE_MS,
      drained: Promise.resolve(),
    };
    this.#lines.set(id, started);
    started.drained = this.#drain(id, started);
  }

  /** Of how many operations something is not out yet. */
  get waiting(): number {
    return this.#lines.size;
  }

  /** Resolves when all of it is out; what the broker does not take now is given up. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    const draining = [...this.#lines.values()].map(({ drained }) => drained);
    await within(LAST_WORDS_MS, Promise.all(draining));
  }

  async #drain(id: string, line: Line): Promise<void> {
    for (let next = line.messages[0]; next; next = line.messages[0]) {
      // oxlint-disable-next-line no-await-in-loop -- in order
      if (await this.#isAccepted(id, next)) {
        line.messages.shift();
        line.pauseMs = FIRST_PAUSE_MS;
        continue;
      }
      if (this.#stopped.signal.aborted) break;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await this.#pause(line);
      line.messages = line.messages.slice(-1);
    }
    this.#lines.delete(id);
  }

  async #isAccepted(id: string, message: OperationMessage): Promise<boolean> {
    try {
      let isAccepted = false;
      const publishing = this.#publish(message).then((answer) => (isAccepted = answer));
      return (await within(PUBLISH_MS, publishing)) && isAccepted;
    } catch (error) {
      this.#log.error('operation_publish_failed', {
        operation: id,
        error: describeError(error),
      });
      return false;
    }
  }

  async #pause(line: Line): Promise<void> {
    const { pauseMs } = line;
    line.pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, pauseMs);
    timer.unref();
    const stop = () => resolve();
    this.#stopped.signal.addEventListener('abort', stop);
    await promise;
    clearTimeout(timer);
    this.#stopped.signal.removeEventListener('abort', stop);
  }
}

/**
 * By their numbers: the database's answers to two writers may overtake one another. What is older than what
 * is on its way says nothing new.
 */
function inOrder(
  waiting: readonly OperationMessage[],
  added: readonly OperationMessage[],
): OperationMessage[] {
  const [first] = waiting;
  const newer = first ? added.filter((message) => seqOf(message) > seqOf(first)) : added;
  return [...waiting, ...newer].toSorted((a, b) => seqOf(a) - seqOf(b));
}

/** Without those between the first, which is on its way, and the newest, where there are too many. */
function bounded(messages: OperationMessage[]): OperationMessage[] {
  return messages.length <= MAX_MESSAGES
    ? messages
    : [...messages.slice(0, 1), ...messages.slice(-1)];
}

function seqOf({ event }: OperationMessage): number {
  return event.data.seq ?? 0;
}
