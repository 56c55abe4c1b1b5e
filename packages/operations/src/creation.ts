import type { OperationDefinition } from '@trunkline/contract';
import type { Attempt } from './attempt.ts';
import type { Database, Queryable } from './database.ts';
import type { Engine, RunOptions } from './engine.ts';
import { crashed, InvalidInputError, InvalidOperationError, ShutdownError } from './errors.ts';
import type { ChildOptions } from './handle.ts';
import type { Work } from './handlers.ts';
import type { OperationLimits } from './limits.ts';
import { definitionOf, newOperation } from './new-operation.ts';
import { persistently } from './persistently.ts';
import type { OperationPrincipal } from './principal.ts';
import {
  inTransactionIf,
  type Registered,
  type RegistrationContext,
  register,
  storedInTime,
} from './registration.ts';
import type { OperationRow } from './row.ts';
import type { Runner } from './runner.ts';
import { checked } from './schema-check.ts';
import type { StartOptions } from './start-options.ts';
import { findOperation, type NewOperation } from './store.ts';
import { deleteUnbegun, endUnbegun } from './transitions.ts';

/** What new operations are made with. */
export interface CreationContext {
  readonly database: Database;
  readonly engine: Engine;
  readonly runner: Runner | null;
  readonly limits: OperationLimits;
}

/** Whose a new operation is, and below which. */
export interface Birth {
  readonly owner: OperationPrincipal;
  readonly state: NewOperation['state'];
  readonly parentId?: string;
}

/** An operation, and the input of its work as the schema has let it through. */
export interface Created extends Registered {
  readonly input: unknown;
}

/** So many at once: an outage must not end with a flood. */
const MAX_GIVEN_UP = 100;

/** Makes new operations, and lets their work begin. */
export class Creation {
  readonly #context: CreationContext;
  readonly #registration: RegistrationContext;
  /** How many are being given up. */
  #givenUp = 0;

  constructor(context: CreationContext) {
    this.#context = context;
    const { limits, engine } = context;
    this.#registration = {
      limits: { perUser: limits.maxActivePerUser, perRealm: limits.maxActivePerTenant },
      idempotencyWindowMs: limits.idempotencyWindowMs,
      onStored: (row, transaction) => engine.queue.addWithin([row], transaction),
    };
  }

  /** Stores a new operation, or finds the one that its idempotency key has started. */
  async create(
    definition: OperationDefinition,
    options: StartOptions,
    birth: Birth,
  ): Promise<Created> {
    // what runs has a grace in which it may finish, and its parts with it
    if (this.#context.engine.isClosed && birth.parentId === undefined) throw new ShutdownError();
    const { type } = definition;
    const refuse = (problems: string) =>
      new InvalidInputError(`The input of ${type} is wrong: ${problems}`);
    const input = await checked(definition.input, options.input, refuse);
    const operation = this.#newOperation(definition, options, birth);
    const { tx } = options;
    const registered = tx
      ? await register(tx, operation, this.#registration)
      : await this.#register(operation);
    if (registered.isNew && !tx) await this.#refuseWhenClosed(operation, birth);
    return { ...registered, input };
  }

  /** Closed while it was being stored: it must not begin any more. */
  async #refuseWhenClosed(operation: NewOperation, { parentId }: Birth): Promise<void> {
    if (!this.#context.engine.isClosed || parentId !== undefined) return;
    await this.#giveUp(operation).catch(() => {});
    throw new ShutdownError();
  }

  /** Does the work of a new operation, for somebody who waits for it. */
  async work<Result>(
    definition: OperationDefinition,
    options: StartOptions,
    { row, input }: Created,
    work: Work<never, Result>,
  ): Promise<Result> {
    const running = { row, input, ...this.#wordsOf(definition, options) };
    return await this.#run(options.tx, running, work);
  }

  /** Starts an operation that nobody waits for. */
  async start(
    definition: OperationDefinition,
    options: StartOptions,
    owner: OperationPrincipal,
    work: Work | undefined,
  ): Promise<OperationRow> {
    if (!work) refuseOwnWords(definition, options);
    if (options.durable) return await this.#startDurable(definition, options, owner, work);
    this.#requireWork(definition, work);
    const { engine } = this.#context;
    const state = options.tx ? 'queued' : 'running';
    const created = await this.create(definition, options, { owner, state });
    const { row, isNew } = created;
    if (!isNew) return row;
    if (options.tx) {
      await engine.whenCommitted(options.tx, async () => {
        const claimed = await engine.claim(row);
        if (claimed) this.#begin(definition, options, { ...created, row: claimed }, work);
      });
    } else this.#begin(definition, options, created, work);
    return row;
  }

  /** Runs a part of an attempt's work as an operation below its own. */
  async runChild<Input, Result>(
    parent: Attempt,
    type: string | OperationDefinition<Input, Result>,
    { weight = 1, ...options }: ChildOptions<Input>,
    work: Work<Input, Result>,
  ): Promise<Result> {
    const { engine } = this.#context;
    const definition = definitionOf(type, (name) => engine.handlers.get(name)?.definition);
    parent.handle.signal.throwIfAborted();
    const { owner, snapshot } = parent.row;
    const birth = { owner, state: 'running', parentId: snapshot.id } as const;
    const { audience } = snapshot;
    const { transaction: tx } = parent;
    const created = await this.create(
      definition,
      { ...options, audience, ...(tx && { tx }) },
      birth,
    );
    return await parent.runPart(created.row.snapshot.id, weight, async (onProgress) => {
      const { row, input } = created;
      const { signal: parentSignal } = parent.handle;
      const words = this.#wordsOf(definition, options);
      const running = { row, input, ...words, onProgress, parentSignal };
      return await this.#run(tx, running, work);
    });
  }

  async #run<Result>(
    tx: Queryable | undefined,
    running: RunOptions,
    work: Work<never, Result>,
  ): Promise<Result> {
    const { engine } = this.#context;
    return tx ? await engine.runWithin(tx, running, work) : await engine.run(running, work);
  }

  async #startDurable(
    definition: OperationDefinition,
    options: StartOptions,
    owner: OperationPrincipal,
    work: Work | undefined,
  ): Promise<OperationRow> {
    const { engine, database } = this.#context;
    this.#requireRunner(definition, work);
    const { row, isNew } = await this.create(definition, options, { owner, state: 'queued' });
    const tell = async (stored: OperationRow) => {
      engine.announce([stored]);
      await engine.queue.addBehind([stored], database);
    };
    // what was taken back to a savepoint is not there
    const tellIfThere = async () => {
      const stored = await findOperation(database, row.snapshot.id);
      if (stored) await tell(stored);
    };
    if (!isNew) return row;
    if (options.tx) await engine.whenCommitted(options.tx, tellIfThere);
    else await tell(row);
    return row;
  }

  #begin(
    definition: OperationDefinition,
    options: StartOptions,
    created: Created,
    work?: Work,
  ): void {
    const { engine } = this.#context;
    if (!work) return engine.runHandler(created.row);
    const { row, input } = created;
    const running = { row, input, ...this.#wordsOf(definition, options) };
    engine.run(running, work).catch(() => {
      // the attempt has told the user, and logged, what went wrong
    });
  }

  async #register(operation: NewOperation): Promise<Registered> {
    const { database, limits } = this.#context;
    const registration = {
      ...this.#registration,
      leasedWorker: () => this.#context.engine.leasedWorker(),
    };
    const storing = inTransactionIf(operation.isDurable, database, (transaction) =>
      register(transaction, operation, registration),
    );
    return await storedInTime(limits.databaseTimeoutMs, storing, () => {
      void this.#giveUpAtLast(operation);
    });
  }

  /** Tries until the database is back; of very many, the rounds find the rest after a lease. */
  async #giveUpAtLast(operation: NewOperation): Promise<void> {
    if (this.#givenUp >= MAX_GIVEN_UP) return;
    this.#givenUp += 1;
    const isOver = () => this.#context.engine.isClosed;
    await persistently(() => this.#giveUp(operation), { isOver });
    this.#givenUp -= 1;
  }

  /** Nobody has begun it, and nobody will: who has got its id all the same, by its key, learns that. */
  async #giveUp({ id, idempotencyKey }: NewOperation): Promise<void> {
    const { database, engine } = this.#context;
    if (idempotencyKey === null) {
      await deleteUnbegun(database, id);
      return;
    }
    const row = await endUnbegun(database, id, crashed('It could not be begun'));
    if (row) engine.announce([row]);
  }

  #newOperation(
    definition: OperationDefinition,
    options: StartOptions,
    birth: Birth,
  ): NewOperation {
    const { engine } = this.#context;
    const { owner, state, parentId = null } = birth;
    return newOperation(definition, options, {
      ...{ owner, state, parentId },
      workerId: options.durable ? null : engine.workerId,
      hasHandler: engine.handlers.get(definition.type) !== undefined,
    });
  }

  /** What a single call says over its definition. */
  #wordsOf(definition: OperationDefinition, { completed }: StartOptions) {
    const said = completed === undefined ? {} : { completed };
    return { definition: { ...definition, ...said } as unknown as OperationDefinition };
  }

  #requireWork({ type }: OperationDefinition, work: Work | undefined): void {
    if (work || this.#context.engine.handlers.get(type)) return;
    throw new InvalidOperationError(
      `${type} was started without its work, and has no handler: operations.start(type, options, work), or operations.handle(definition, work)`,
    );
  }

  #requireRunner({ type }: OperationDefinition, work: Work | undefined): void {
    const { runner, engine } = this.#context;
    if (!runner) {
      throw new InvalidOperationError(
        `${type} is to be durable, and there is no runner for it: open the operations with one, e.g. pgBossRunner(…)`,
      );
    }
    if (work || !engine.handlers.get(type)) {
      throw new InvalidOperationError(
        `${type} is to be durable: another process must know how to do it, so its work is what operations.handle(definition, work) says, and not part of the call`,
      );
    }
  }
}

/** A later attempt, maybe in another process, knows the definition alone. */
function refuseOwnWords({ type }: OperationDefinition, { completed }: StartOptions): void {
  if (completed === undefined) return;
  throw new InvalidOperationError(
    `completed of a ${type} whose work is its handler's belongs into defineOperation('${type}', { completed })`,
  );
}
