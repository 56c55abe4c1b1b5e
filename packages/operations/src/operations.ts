import {
  isTerminal,
  type OperationDefinition,
  type OperationFilter,
  type OperationList,
  type OperationSnapshot,
} from '@trunkline/contract';
import { Access, type AccessOptions, noContext, type OperationContext } from './access.ts';
import { Announcer } from './announcer.ts';
import { Creation } from './creation.ts';
import type { Database, Queryable } from './database.ts';
import { Engine } from './engine.ts';
import {
  CANCELLED,
  InvalidInputError,
  InvalidOperationError,
  OperationFailedError,
  OperationNotFoundError,
  OperationStateError,
  ShutdownError,
} from './errors.ts';
import type { Work } from './handlers.ts';
import { isAwaited } from './hints.ts';
import { inTime } from './in-time.ts';
import { type JobAttemptOptions, runJobAttempt } from './job-attempt.ts';
import { resolveLimits } from './limits.ts';
import { listOperations } from './listing.ts';
import { consoleLog, unfailing } from './log.ts';
import { migrate } from './migrate.ts';
import { withNamedFailures } from './named-failures.ts';
import { definitionOf } from './new-operation.ts';
import type { OperationsOptions, OwnerOption, WaitOptions } from './operations-options.ts';
import type { OperationPrincipal } from './principal.ts';
import { beginAgain, notRetryable } from './retry.ts';
import type { OperationRow } from './row.ts';
import type { StartOptions } from './start-options.ts';
import { findOperation, markSeen } from './store.ts';
import { cancelOperation } from './transitions.ts';
import { Waiters } from './waiters.ts';

/**
 * Long-running work that users watch: stored before anybody hears of it, told as it goes, findable and
 * cancellable wherever it runs, and never lost in silence. Calls reject with `OperationStoreError` when the
 * database does not answer.
 */
export class Operations {
  readonly #database: Database;
  readonly #databaseTimeoutMs: number;
  readonly #engine: Engine;
  readonly #announcer: Announcer;
  readonly #creation: Creation;
  readonly #access: Access;
  readonly #context: OperationContext;
  readonly #waiters: Waiters;

  private constructor(options: OperationsOptions) {
    const { publish, runner = null, adminRoles = ['admins'], mayControl } = options;
    const database = withNamedFailures(options.database);
    const limits = resolveLimits(options.limits);
    const log = unfailing(options.log ?? consoleLog);
    this.#database = database;
    this.#databaseTimeoutMs = limits.databaseTimeoutMs;
    this.#context = options.context ?? noContext;
    this.#access = new Access(adminRoles, mayControl);
    this.#waiters = new Waiters(database, limits.databaseTimeoutMs);
    this.#announcer = new Announcer(publish, log, (id, newest) => {
      this.#waiters.wake(id);
      if (isAwaited(newest)) options.hints?.tell(id);
    });
    this.#engine = new Engine({
      ...{ database, runner, limits, log },
      announcer: this.#announcer,
      context: this.#context,
      runChild: (parent, type, childOptions, work) =>
        this.#creation.runChild(parent, type, childOptions, work),
    });
    this.#creation = new Creation({ database, engine: this.#engine, runner, limits });
  }

  /** Brings the database up to date and begins: to run, to renew, to look for what the dead have left. */
  static async open(options: OperationsOptions): Promise<Operations> {
    const operations = new Operations(options);
    await migrate(operations.#database);
    await operations.#engine.open();
    options.hints?.listen((id) => operations.#look(id));
    if (!options.isPaused) await operations.begin();
    return operations;
  }

  /** Takes durable work from here on, where they were opened with `isPaused`. */
  async begin(): Promise<void> {
    await this.#engine.begin();
  }

  /** Is there a handler for this type in this process? */
  hasHandler(type: string): boolean {
    return this.#engine.handlers.get(type) !== undefined;
  }

  /**
   * Takes no more work and waits up to `graceMs` (default 5 s) for what runs. What has not ended by then is
   * told to stop: durable operations wait for another process, the others have crashed, and say why.
   */
  async close({ graceMs = 5000 }: { graceMs?: number } = {}): Promise<void> {
    this.#waiters.close();
    await this.#engine.close(graceMs);
    await this.#announcer.stop();
  }

  /** How many operations run in this process, and of how many something could not be published yet. */
  get stats(): { readonly running: number; readonly unpublished: number } {
    return { running: this.#engine.running, unpublished: this.#announcer.waiting };
  }

  /**
   * Says who does the work of a type: of durable operations, of those that are started without their work,
   * and of those that somebody tries again. Throws for a second one. Returns how to take it away.
   */
  handle<Input, Result>(
    definition: OperationDefinition<Input, Result>,
    work: Work<Input, Result>,
  ): () => void {
    return this.#engine.handle(definition, work as Work);
  }

  /**
   * Runs work as an operation and resolves with its result; rejects as the work does. With an idempotency
   * key that has started one already: waits for that one, and rejects with `OperationFailedError` where it
   * was no success. Inside a transaction of yours, pass `{ tx }`: then operation and work take effect
   * together, and nobody sees either before.
   */
  async run<Input, Result>(
    type: string | OperationDefinition<Input, Result>,
    options: StartOptions<Input> & OwnerOption,
    work: Work<Input, Result>,
  ): Promise<Result> {
    const definition = this.#definition(type);
    const owner = this.#ownerOf('operations.run', options);
    const created = await this.#creation.create(definition, options, { owner, state: 'running' });
    if (!created.isNew) return (await this.#resultOf(created.row)) as Result;
    return await this.#creation.work(definition, options, created, work);
  }

  /**
   * Starts an operation and resolves when it is stored: the work goes on behind. Without `work` the handler
   * of its type does it; with `durable`, in whichever process takes it, again when that one dies.
   */
  async start<Input, Result>(
    type: string | OperationDefinition<Input, Result>,
    options: StartOptions<Input> & OwnerOption = {},
    work?: Work<Input, Result>,
  ): Promise<OperationSnapshot> {
    const definition = this.#definition(type);
    const owner = this.#ownerOf('operations.start', options);
    const row = await this.#creation.start(definition, options, owner, work as Work | undefined);
    return row.snapshot;
  }

  /**
   * Runs one attempt of a job of a queue of your own as an operation: the first attempt makes it, later ones
   * go on with it. Resolves and rejects as the work does; rejects without having run it when somebody has
   * cancelled the operation (`OperationCancelledError`), or when a later attempt runs.
   */
  async attempt<Input, Result>(
    type: string | OperationDefinition<Input, Result>,
    options: JobAttemptOptions<Input> & OwnerOption,
    work: Work<Input, Result>,
  ): Promise<Result> {
    const owner = this.#ownerOf('operations.attempt', options);
    const context = { database: this.#database, engine: this.#engine, creation: this.#creation };
    return await runJobAttempt(this.#definition(type), { ...options, owner }, work, context);
  }

  /** An operation that the caller may see. Rejects with `OperationNotFoundError` for any other id. */
  async get(id: string, options: AccessOptions = {}): Promise<OperationSnapshot> {
    const { row } = await this.#find('operations.get', id, options);
    return row.snapshot;
  }

  /** The operations that the caller may see, newest first. */
  async list(filter: OperationFilter = {}, options: AccessOptions = {}): Promise<OperationList> {
    const { realm, principal } = this.#callerOf('operations.list', options);
    const viewer = this.#access.viewerOf(principal);
    return await this.#inTime(listOperations(this.#database, realm, filter, viewer));
  }

  /** The operation when it has ended, or as it is after so many milliseconds (at most 60 s, default 30 s). */
  async wait(
    id: string,
    { timeoutMs = 30_000, signal, ...options }: WaitOptions = {},
  ): Promise<OperationSnapshot> {
    if (!(timeoutMs >= 0)) {
      throw new InvalidInputError(`timeoutMs is a number from 0, got ${String(timeoutMs)}`);
    }
    const { row } = await this.#find('operations.wait', id, options);
    return (await this.#waiters.ended(row, Math.min(timeoutMs, 60_000), signal)).snapshot;
  }

  /**
   * Asks an operation to stop, wherever it runs. One that waits is cancelled at once; one that runs is
   * `cancelling` until it stops, or finishes anyway. Rejects with `OperationStateError` for one that cannot be
   * cancelled, or not any more.
   */
  async cancel(
    id: string,
    options: AccessOptions & { readonly tx?: Queryable } = {},
  ): Promise<OperationSnapshot> {
    const { tx, ...access } = options;
    const row = await this.#findControlled('cancel', id, access, tx);
    if (row.snapshot.state === 'cancelling') return row.snapshot;
    return await this.#inTime(this.#cancel(id, tx));
  }

  async #cancel(id: string, tx: Queryable | undefined): Promise<OperationSnapshot> {
    const cancelled = await cancelOperation(tx ?? this.#database, id, CANCELLED);
    if (!cancelled) return await this.#cancelledByOthers(id, tx);
    if (tx) await this.#engine.whenCommitted(tx, () => this.#tellCancelled(id));
    else this.#engine.tellCancelled(cancelled);
    return cancelled.snapshot;
  }

  /**
   * Tries an operation again that has ended without success: the same operation, with the next attempt.
   * Rejects with `OperationStateError` for one that cannot be.
   */
  async retry(id: string, options: AccessOptions = {}): Promise<OperationSnapshot> {
    if (this.#engine.isClosed) throw new ShutdownError();
    const { snapshot } = await this.#findControlled('retry', id, options);
    if (!snapshot.isRetryable) throw notRetryable(snapshot);
    const context = { database: this.#database, engine: this.#engine };
    const retried = await this.#inTime(beginAgain(snapshot, context));
    if (!retried)
      throw notRetryable((await this.#find('operations.retry', id, options)).row.snapshot);
    return retried.snapshot;
  }

  /** Notes that who acts has seen how operations of theirs have ended. */
  async markSeen(ids: readonly string[], options: AccessOptions = {}): Promise<void> {
    const { realm, principal } = this.#callerOf('operations.markSeen', options);
    if (!principal) throw new InvalidOperationError('operations.markSeen: nobody has seen it');
    await this.#inTime(markSeen(this.#database, { realm, userId: principal.userId }, ids));
  }

  async #find(
    method: string,
    id: string,
    options: AccessOptions,
    database: Queryable = this.#database,
  ): Promise<{ row: OperationRow; principal: OperationPrincipal | null }> {
    const { realm, principal } = this.#callerOf(method, options);
    const row = isId(id) ? await this.#inTime(findOperation(database, id, realm)) : null;
    // what one may not see is not there
    if (!row || !this.#access.maySee(row, principal)) throw new OperationNotFoundError(id);
    return { row, principal };
  }

  async #findControlled(
    action: 'cancel' | 'retry',
    id: string,
    options: AccessOptions,
    database?: Queryable,
  ): Promise<OperationRow> {
    const { row, principal } = await this.#find(`operations.${action}`, id, options, database);
    if (this.#access.mayControl(row, principal, action)) return row;
    const code = action === 'cancel' ? 'NOT_CANCELLABLE' : 'NOT_RETRYABLE';
    throw new OperationStateError(
      code,
      row.snapshot.state,
      `You may see ${id}, but not ${action} it`,
    );
  }

  /** Another process says that something has become of it. */
  #look(id: string): void {
    this.#waiters.wake(id);
    this.#engine.look(id);
  }

  /** Somebody has come first: that is as good, unless the operation cannot be cancelled at all. */
  async #cancelledByOthers(id: string, database?: Queryable): Promise<OperationSnapshot> {
    const row = await findOperation(database ?? this.#database, id);
    if (!row) throw new OperationNotFoundError(id);
    const { state } = row.snapshot;
    if (state === 'cancelling') return row.snapshot;
    const why = isTerminal(state) ? `it has ended: ${state}` : 'it is not cancellable';
    throw new OperationStateError('NOT_CANCELLABLE', state, `${id} cannot be cancelled: ${why}`);
  }

  /** As it stands when the caller's transaction is over: what was taken back to a savepoint is not cancelled. */
  async #tellCancelled(id: string): Promise<void> {
    const row = await findOperation(this.#database, id);
    if (row) this.#engine.tellCancelled(row);
  }

  async #resultOf(row: OperationRow): Promise<unknown> {
    const { snapshot } = await this.#waiters.ended(row, Number.POSITIVE_INFINITY);
    if (snapshot.error) throw new OperationFailedError(snapshot.state, snapshot.error);
    if (!isTerminal(snapshot.state)) throw new ShutdownError();
    return snapshot.result;
  }

  async #inTime<T>(asking: Promise<T>): Promise<T> {
    return await inTime(this.#databaseTimeoutMs, asking);
  }

  #definition<Input, Result>(type: string | OperationDefinition<Input, Result>) {
    return definitionOf(type, (name) => this.#engine.handlers.get(name)?.definition);
  }

  #ownerOf(
    method: string,
    { as, userId, tenantId }: StartOptions & OwnerOption,
  ): OperationPrincipal {
    if (as) {
      this.#context.admit?.(method, as);
      return as;
    }
    return this.#context.ownerOf(method, {
      ...(userId === undefined ? {} : { userId }),
      ...(tenantId === undefined ? {} : { tenantId }),
    });
  }

  #callerOf(method: string, { as, tenantId, anyOwner = false }: AccessOptions) {
    const named = tenantId === undefined ? {} : { tenantId };
    if (as) this.#context.admit?.(method, as);
    const caller = as ? { realm: as.realm, principal: as } : this.#context.callerOf(method, named);
    return anyOwner ? { ...caller, principal: null } : caller;
  }
}

/** Whatever else comes from a client is no id, and need not reach the database. */
function isId(id: unknown): id is string {
  return typeof id === 'string' && /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id);
}
