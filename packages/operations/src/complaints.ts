import { describeError, type OperationLog } from './log.ts';

const PAUSE_MS = 30_000;

/** Logs what goes wrong with a runner: of something that is away each connection complains, at each of its tries. */
export class Complaints {
  readonly #log: OperationLog;
  readonly #silentUntil = new Map<string, number>();

  constructor(log: OperationLog) {
    this.#log = log;
  }

  /** The same again, of whichever queue, is not logged for 30 seconds. */
  warn(what: string, problem: unknown): void {
    const error = toError(problem);
    const text = `${what}: ${error.message.split(' (')[0]}`;
    const now = performance.now();
    if (now < (this.#silentUntil.get(text) ?? 0)) return;
    for (const [old, until] of this.#silentUntil) if (until < now) this.#silentUntil.delete(old);
    this.#silentUntil.set(text, now + PAUSE_MS);
    this.#log.warn('operation_runner_failed', { what, error: describeError(error) });
  }
}

/** pg-boss hands out copies of errors, which are none any more. */
function toError(problem: unknown): Error {
  if (problem instanceof Error) return problem;
  const { message = String(problem), stack } = (problem ?? {}) as Partial<Error>;
  return Object.assign(new Error(message), stack === undefined ? {} : { stack });
}
