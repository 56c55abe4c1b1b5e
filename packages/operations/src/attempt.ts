import type { OperationFailure } from '@trunkline/contract';
import type {
  AttemptContext,
  AttemptFate,
  AttemptJournal,
  AttemptOptions,
} from './attempt-options.ts';
import { Children } from './children.ts';
import { runInOperation } from './current-operation.ts';
import type { Queryable } from './database.ts';
import { cancellation, failure, interruption, keptResult, success } from './ending.ts';
import { failureOf, LeaseLostError, OperationCancelledError, ShutdownError } from './errors.ts';
import { messageOf } from './events.ts';
import type { OperationHandle, Outcome } from './handle.ts';
import type { Work } from './handlers.ts';
import { Journal } from './journal.ts';
import { describeError } from './log.ts';
import { onAbort } from './on-abort.ts';
import { persistently } from './persistently.ts';
import type { OperationRow } from './row.ts';
import { checked } from './schema-check.ts';
import { type Progress, toColumns } from './steps.ts';
import { findOperation } from './store.ts';
import { type Ending, type ProgressColumns, resumeOperation, type Tenure } from './transitions.ts';

/** One attempt of an operation, running in this process. */
export class Attempt {
  readonly tenure: Tenure;
  readonly children: Children = new Children();
  readonly handle: OperationHandle;
  readonly #options: AttemptOptions;
  readonly #context: AttemptContext;
  readonly #journal: AttemptJournal;
  readonly #abort = new AbortController();
  readonly #settled = Promise.withResolvers<unknown>();
  #outcome: Outcome & { refresh: readonly string[] };
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #isAbandoned = false;
  #isLost = false;
  /** How the work has ended is being written. */
  #ending: Promise<unknown> | undefined;

  constructor(options: AttemptOptions, context: AttemptContext) {
    const { row, workerId } = options;
    const { id, attempt } = row.snapshot;
    this.tenure = { id, attempt, workerId };
    this.#options = options;
    this.#context = context;
    this.#outcome = { refresh: row.refresh };
    this.#journal =
      options.journal ?? new Journal(this.tenure, { ...context, onLost: () => this.lose() });
    this.handle = this.#newHandle();
  }

  get row(): OperationRow {
    return this.#options.row;
  }

  /** The app's transaction that its work is part of. */
  get transaction(): Queryable | undefined {
    return this.#options.transaction;
  }

  /** Resolves when the work is over and its end is written, or given up. */
  get settled(): Promise<unknown> {
    return this.#settled.promise;
  }

  /** Does the work. Resolves and rejects as it does; what it comes to is stored before, if that is possible soon. */
  async run<Result>(work: Work<never, Result>): Promise<Result> {
    const listening = new AbortController();
    this.#listen(listening.signal);
    try {
      const result = await runInOperation(
        this.handle,
        async () => await work(this.handle as never),
      );
      await this.#succeed(result);
      return result;
    } catch (error) {
      await this.#fail(error);
      throw error;
    } finally {
      listening.abort();
      clearTimeout(this.#graceTimer);
      this.#journal.mute();
      this.#settled.resolve(this.#ending);
    }
  }

  /** Somebody wants it to stop. The work is told, and may finish anyway. */
  cancel(): void {
    if (this.#abort.signal.aborted || this.#ending) return;
    this.#abort.abort(new OperationCancelledError());
    this.#waitForGrace();
  }

  /** It is not this process's any more. Only a good end may still count, if nobody else has begun. */
  lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#journal.mute();
    this.#abort.abort(new LeaseLostError());
    const { id: operation, attempt } = this.tenure;
    this.#context.log.warn('operation_lost', { operation, attempt });
  }

  /** The process stops before the work is over: says so, and tells the work. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    if (this.#ending) return void (await this.#ending);
    const reason = new ShutdownError();
    // when the database is away now, the end of the lease puts it back
    const isRequeued =
      this.#fateOf(reason) !== 'last' &&
      (await this.#context.requeue(this.tenure, 0).catch(() => true));
    this.#abort.abort(reason);
    if (isRequeued) {
      this.#journal.mute();
      return;
    }
    this.#ending = this.#journal.end(this.#interruption());
    await this.#ending;
  }

  /** Nobody waits any longer for the database to take its end. */
  giveUp(): void {
    this.#journal.stop();
  }

  /** Runs a part of the work; how far it is counts into the whole, and its end is the part's. */
  async runPart<Result>(
    id: string,
    weight: number,
    run: (onProgress: (progress: ProgressColumns) => void) => Promise<Result>,
  ): Promise<Result> {
    this.children.add(id, weight);
    const onProgress = ({ percentage }: ProgressColumns) => {
      if (percentage !== undefined) this.note({ percentage: this.children.update(id, percentage) });
    };
    const result = await run(onProgress);
    onProgress({ percentage: 100 });
    return result;
  }

  async #succeed(result: unknown): Promise<void> {
    const { definition, row } = this.#options;
    await checked(
      definition.result,
      result,
      (problems) =>
        new TypeError(`The work of ${definition.type} returned a wrong result: ${problems}`),
    );
    const { result: kept, problem } = keptResult(result);
    if (problem !== undefined && this.#outcome.resultRef === undefined) {
      const { id: operation } = this.tenure;
      this.#context.log.warn('operation_result_not_kept', {
        operation,
        type: definition.type,
        problem,
      });
    }
    const message = this.#outcome.message ?? this.#completed(result);
    const outcome = { ...this.#outcome, ...(message !== undefined && { message }) };
    await this.#end(success(kept, outcome, row.isEphemeral));
  }

  /** The definition's last line for the user; none where it throws, because the work is done all the same. */
  #completed(result: unknown): string | undefined {
    const { completed, type } = this.#options.definition;
    try {
      return typeof completed === 'function' ? completed(result) : completed;
    } catch (error) {
      const { id: operation } = this.tenure;
      const details = { operation, type, error: describeError(error) };
      this.#context.log.warn('operation_message_failed', details);
      return undefined;
    }
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#isGivenUp) return;
    const fate = this.#fateOf(error);
    if (fate === 'postponed' && (await this.#isRequeued(1))) return;
    const told = failureOf(error);
    if (this.#wasCancelled && told.correlationId !== undefined) {
      await this.#end(cancellation(this.#outcome));
      return;
    }
    this.#logFailure(error, told);
    if (fate === 'retried' && told.retryable) {
      if (await this.#isRequeued(0)) return;
      // somebody has cancelled it meanwhile, and the news has not come yet
      if (await this.#isCancelling()) {
        await this.#end(cancellation(this.#outcome));
        return;
      }
    }
    await this.#end(failure('failed', told, this.#outcome));
  }

  #fateOf(error: unknown): AttemptFate {
    const { fateOf, row } = this.#options;
    if (fateOf) return this.#fateBy(fateOf, error);
    const { isDurable, attempt, maxAttempts } = row.snapshot;
    return isDurable && attempt < maxAttempts ? 'retried' : 'last';
  }

  #fateBy(fateOf: (error: unknown) => AttemptFate, error: unknown): AttemptFate {
    try {
      return fateOf(error);
    } catch (problem) {
      this.#onAppFailure('fateOf', problem);
      return 'last';
    }
  }

  /** A function of the app's beside its work has thrown: the work goes on as if it had not. */
  #onAppFailure(what: string, error: unknown): void {
    const details = { operation: this.tenure.id, what, error: describeError(error) };
    this.#context.log.warn('operation_hook_failed', details);
  }

  /** Tries until the database is back: whoever takes or stops the attempt meanwhile puts it back instead. */
  async #isRequeued(extraAttempts: 0 | 1): Promise<boolean> {
    this.#journal.mute();
    const requeued = await persistently(() => this.#context.requeue(this.tenure, extraAttempts), {
      isOver: () => this.#isGivenUp,
      onFailure: (error) => this.#onWriteFailure(error),
    });
    return requeued ?? true;
  }

  async #isCancelling(): Promise<boolean> {
    const row = await findOperation(this.#context.database, this.tenure.id).catch(() => null);
    return row?.snapshot.state === 'cancelling';
  }

  get #isGivenUp(): boolean {
    return this.#isAbandoned || this.#isLost;
  }

  /** Waits a little: what a database that is away would be told is written when it is back. */
  async #end(ending: Ending): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#context.endWaitMs);
    this.#ending = this.#journal.end(ending).then(() => resolve());
    await promise;
    clearTimeout(timer);
  }

  #waitForGrace(): void {
    this.#graceTimer = setTimeout(() => void this.#onGraceOver(), this.#context.cancelGraceMs);
    this.#graceTimer.unref();
  }

  async #onGraceOver(): Promise<void> {
    const { database, announcer, log, cancelGraceMs: afterMs } = this.#context;
    try {
      const row = await resumeOperation(database, this.tenure, 'It could not be cancelled');
      if (!row) return;
      announcer.announce([messageOf(row)]);
      log.warn('operation_not_cancelled', { operation: this.tenure.id, afterMs });
    } catch (error) {
      this.#onWriteFailure(error);
      if (!this.#ending) this.#waitForGrace();
    }
  }

  /** Who has cancelled it gets what they wanted, even if it is the process that stops. */
  #interruption(): Ending {
    if (this.#wasCancelled) return cancellation(this.#outcome);
    return interruption('The server was stopped', this.#outcome);
  }

  get #wasCancelled(): boolean {
    return this.#abort.signal.reason instanceof OperationCancelledError;
  }

  #onWriteFailure(error: unknown): void {
    const { id: operation } = this.tenure;
    const details = { operation, error: describeError(error) };
    this.#context.log.warn('operation_write_failed', details);
  }

  #logFailure(error: unknown, { code, correlationId: reference }: OperationFailure): void {
    const { id: operation, attempt } = this.tenure;
    const { type } = this.#options.row.snapshot;
    const fields = { operation, type, attempt, code };
    if (reference === undefined) this.#context.log.info('operation_failed', fields);
    else {
      const details = { ...fields, correlationId: reference, error: describeError(error) };
      this.#context.log.error('operation_failed', details);
    }
  }

  #listen(signal: AbortSignal): void {
    const { parentSignal, stopSignal } = this.#options;
    onAbort(parentSignal, (reason) => this.#stopWithParent(reason), signal);
    onAbort(stopSignal, (reason) => this.#abort.abort(reason), signal);
  }

  /** What became of the parent becomes of its parts. */
  #stopWithParent(reason: unknown): void {
    if (reason instanceof LeaseLostError) this.lose();
    else if (reason instanceof ShutdownError) this.#abort.abort(reason);
    else this.cancel();
  }

  /** Notes how far the work is. Never throws, whatever it is given. */
  note(progress: Progress): void {
    const columns = toColumns(progress);
    if (Object.keys(columns).length === 0) return;
    this.#journal.note(columns);
    try {
      this.#options.onProgress?.(columns);
    } catch (error) {
      this.#onAppFailure('onProgress', error);
    }
  }

  #newHandle(): OperationHandle {
    const { row, input } = this.#options;
    const { id, type, attempt } = row.snapshot;
    return {
      id,
      type,
      attempt,
      input,
      signal: this.#abort.signal,
      progress: async (progress) => this.note(progress),
      setOutcome: (outcome) => {
        const refresh = [...new Set([...this.#outcome.refresh, ...(outcome.refresh ?? [])])];
        this.#outcome = { ...this.#outcome, ...outcome, refresh };
      },
      expectChildren: (totalWeight) => this.children.expect(totalWeight),
      run: (part, options, work) => this.#context.runChild(this, part, options, work),
    };
  }
}
