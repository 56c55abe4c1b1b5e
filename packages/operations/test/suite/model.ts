import { isTerminal } from '@trunkline/contract';
import {
  defineOperation,
  type OperationMessage,
  type OperationPrincipal,
  type OperationState,
  OperationStateError,
  UserFacingError,
} from '@trunkline/operations';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine, type TestEngine } from '../engine.ts';
import { newUser, type StoreOf, sql, type TestStore } from '../store.ts';

const RUNS = process.env['TRUNKLINE_TIER'] === 'nightly' ? 1000 : 40;
const COMMANDS = 20;
/** By the test's clock, which runs only when it is told to. The database has its own. */
const LEASE_MS = 30_000;
const GRACE_MS = 900_000;
/** Whoever lives has looked for the dead, and knows whether it has a lease. */
const ROUNDS_MS = 12_000;
const definition = defineOperation('model', { retryable: true });

type End = 'succeeded' | 'failed' | 'cancelled';

/** An operation as it must stand. */
interface ModelOperation {
  state: OperationState;
  attempt: number;
  seq: number;
  isCancellable: boolean;
}

/** An attempt of one. Its work goes on until a command ends it, whatever has become of the operation. */
interface ModelAttempt {
  readonly operation: number;
  readonly number: number;
  readonly engine: 0 | 1;
  isOver: boolean;
  isLost: boolean;
  isCancelled: boolean;
  /** Its end waits for its process to come back. */
  isPending: boolean;
  end: End;
}

interface Model {
  readonly operations: ModelOperation[];
  readonly attempts: ModelAttempt[];
  readonly isFrozen: [boolean, boolean];
}

interface Real {
  readonly store: TestStore;
  readonly engines: readonly [TestEngine, TestEngine];
  /** Who the engines are in the database. */
  readonly workers: [string, string];
  readonly as: OperationPrincipal;
  readonly ids: string[];
  readonly works: Map<string, ControlledWork>;
  readonly messages: OperationMessage[];
}

type Command = fc.AsyncCommand<Model, Real>;

/** Random commands to two engines on one database, against what must come of them. */
export function describeModel(storeOf: StoreOf): void {
  beforeEach(
    () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }),
  );
  afterEach(() => vi.useRealTimers());

  test(`two engines do what the model does, ${RUNS} times up to ${COMMANDS} commands`, async () => {
    const works: Real['works'] = new Map();
    const store = storeOf();
    const engines = [
      await openModelEngine(store, works),
      await openModelEngine(store, works),
    ] as const;
    const workers = (await workerIds(store)) as [string, string];
    const chosen = fc.commands(commands, { maxCommands: COMMANDS, size: 'max' });
    await fc.assert(
      fc.asyncProperty(chosen, async (run) => {
        const messages: OperationMessage[] = [];
        for (const { outlet } of engines) {
          outlet.answer = async (message) => messages.push(message) > 0;
        }
        const model: Model = { operations: [], attempts: [], isFrozen: [false, false] };
        const real = { store, engines, workers, as: newUser(), ids: [], works, messages };
        // who begins waits a little before it calls anybody dead
        await pass(LEASE_MS, model, real);
        await fc.asyncModelRun(() => ({ model, real }), run);
        await finish(model, real);
        expectTold(model, real);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 600_000);
}

async function openModelEngine(store: TestStore, works: Real['works']): Promise<TestEngine> {
  const limits = { leaseMs: LEASE_MS, cancelGraceMs: GRACE_MS };
  const engine = await openEngine(store, { limits });
  engine.operations.handle(definition, (op) => {
    const controlled = new ControlledWork();
    works.set(`${op.id}/${op.attempt}`, controlled);
    return controlled.work(op);
  });
  return engine;
}

/** Those with a lease, the first first. */
async function workerIds(store: TestStore): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    store,
    'select id from trunkline.workers order by lease_expires_at',
  );
  return rows.map(({ id }) => id);
}

const engine = fc.constantFrom<0 | 1>(0, 1);
const which = fc.nat(1000);
const commands: fc.Arbitrary<Command>[] = [
  engine.map(start),
  engine.map(start),
  which.map(tell),
  which.map(tell),
  fc.tuple(which, fc.constantFrom<End>('succeeded', 'failed', 'cancelled')).map(endWork),
  fc.tuple(which, fc.constantFrom<End>('succeeded', 'failed', 'cancelled')).map(endWork),
  fc.tuple(engine, which).map(cancel),
  fc.tuple(engine, which).map(cancel),
  fc.tuple(engine, which).map(retry),
  fc.tuple(engine, which).map(retry),
  engine.map(freeze),
  engine.map(thaw),
  fc.constant(null).map(passGrace),
];

function command(
  name: string,
  isPossible: (model: Model) => boolean,
  act: (model: Model, real: Real) => Promise<void>,
): Command {
  return {
    toString: () => name,
    check: isPossible,
    run: async (model, real) => {
      await act(model, real);
      await pass(SETTLED_MS, model, real, SETTLED_MS / 5);
      await expectRows(model, real);
    },
  };
}

function start(on: 0 | 1): Command {
  return command(
    `start(${on})`,
    ({ isFrozen }) => !isFrozen[on],
    async (model, { engines, as, ids }) => {
      const { id } = await engines[on].operations.start(definition, { as });
      ids.push(id);
      const operation = model.operations.length;
      model.operations.push({ state: 'running', attempt: 1, seq: 1, isCancellable: true });
      model.attempts.push(newAttempt(operation, 1, on));
    },
  );
}

function tell(of: number): Command {
  return command(
    `tell(${of})`,
    (model) => liveAttempts(model).length > 0,
    async (model, real) => {
      const attempt = pick(liveAttempts(model), of);
      const operation = await workOf(attempt, real).begun;
      await operation.progress({ percentage: of % 100, message: `Row ${of}` });
      if (!attempt.isLost && !model.isFrozen[attempt.engine]) write(model, attempt);
    },
  );
}

function endWork([of, how]: [number, End]): Command {
  return command(
    `end(${of}, ${how})`,
    (model) => liveAttempts(model).length > 0,
    async (model, real) => {
      const attempt = pick(liveAttempts(model), of);
      const work = workOf(attempt, real);
      const { signal } = await work.begun;
      if (how === 'succeeded') work.succeed('done');
      else if (how === 'cancelled' && signal.aborted) work.fail(signal.reason);
      else work.fail(new UserFacingError('No', { retryable: true }));
      attempt.isOver = true;
      const fails = attempt.isCancelled && how === 'cancelled' ? 'cancelled' : 'failed';
      if (attempt.isLost && how !== 'succeeded') return;
      attempt.end = how === 'succeeded' ? how : fails;
      if (model.isFrozen[attempt.engine]) attempt.isPending = true;
      else writeEnd(model, attempt);
    },
  );
}

function cancel([by, of]: [0 | 1, number]): Command {
  return command(
    `cancel(${by}, ${of})`,
    ({ isFrozen, operations }) => !isFrozen[by] && operations.length > 0,
    async (model, { engines, as, ids }) => {
      const index = of % ids.length;
      const operation = model.operations[index];
      const cancelling = engines[by].operations.cancel(ids[index], { as });
      if (operation.state === 'running' && operation.isCancellable) {
        expect(await cancelling).toMatchObject({ state: 'cancelling', seq: operation.seq + 1 });
        move(operation, 'cancelling');
        currentAttempt(model, index).isCancelled = true;
      } else if (operation.state === 'cancelling') {
        expect(await cancelling).toMatchObject({ state: 'cancelling', seq: operation.seq });
      } else await expect(cancelling).rejects.toThrow(OperationStateError);
    },
  );
}

function retry([by, of]: [0 | 1, number]): Command {
  return command(
    `retry(${by}, ${of})`,
    ({ isFrozen, operations }) => !isFrozen[by] && operations.length > 0,
    async (model, { engines, as, ids }) => {
      const index = of % ids.length;
      const operation = model.operations[index];
      const retrying = engines[by].operations.retry(ids[index], { as });
      if (!['failed', 'cancelled', 'crashed'].includes(operation.state)) {
        await expect(retrying).rejects.toThrow(OperationStateError);
        return;
      }
      move(operation, 'running');
      operation.attempt += 1;
      operation.isCancellable = true;
      expect(await retrying).toMatchObject({ attempt: operation.attempt, seq: operation.seq });
      model.attempts.push(newAttempt(index, operation.attempt, by));
    },
  );
}

/** A process stands still for longer than its lease: the other one takes what is its own. */
function freeze(on: 0 | 1): Command {
  return command(
    `freeze(${on})`,
    ({ isFrozen }) => !isFrozen[0] && !isFrozen[1],
    async (model, real) => {
      const { engines, store, workers } = real;
      engines[on].database.break('hangs');
      model.isFrozen[on] = true;
      await sql(
        store,
        `update trunkline.workers set lease_expires_at = now() - interval '1 second' where id = $1`,
        [workers[on]],
      );
      await pass(ROUNDS_MS, model, real);
      for (const [index, operation] of model.operations.entries()) {
        const isTaken = currentAttempt(model, index).engine === on && !isTerminal(operation.state);
        if (isTaken) move(operation, operation.state === 'cancelling' ? 'cancelled' : 'crashed');
      }
    },
  );
}

/** It is back: what it was about to write is written, if it still may be, and it learns the rest. */
function thaw(on: 0 | 1): Command {
  return command(
    `thaw(${on})`,
    ({ isFrozen }) => isFrozen[on],
    async (model, real) => {
      real.engines[on].database.heal();
      model.isFrozen[on] = false;
      // who comes back waits a little before it calls anybody dead
      await pass(1.5 * LEASE_MS, model, real);
      for (const attempt of model.attempts.filter(({ engine: of }) => of === on)) {
        if (!attempt.isOver) attempt.isLost = true;
        else if (attempt.isPending) writeEnd(model, attempt);
      }
      const { workers, store } = real;
      workers[on] = (await workerIds(store)).find((id) => !workers.includes(id)) ?? '';
    },
  );
}

/** Whoever was cancelled and has not stopped by now, goes on. */
function passGrace(): Command {
  return command(
    'passGrace',
    ({ operations }) => operations.some(({ state }) => state === 'cancelling'),
    async (model, real) => {
      await pass(GRACE_MS, model, real);
      for (const operation of model.operations) {
        if (operation.state !== 'cancelling') continue;
        move(operation, 'running');
        operation.isCancellable = false;
      }
    },
  );
}

function newAttempt(operation: number, number: number, on: 0 | 1): ModelAttempt {
  const nothing = { isOver: false, isLost: false, isCancelled: false, isPending: false };
  return { operation, number, engine: on, ...nothing, end: 'failed' };
}

const liveAttempts = ({ attempts }: Model) => attempts.filter(({ isOver }) => !isOver);

function pick(attempts: ModelAttempt[], of: number): ModelAttempt {
  return attempts[of % attempts.length];
}

function currentAttempt({ attempts }: Model, index: number): ModelAttempt {
  return attempts.findLast(({ operation }) => operation === index) ?? expect.fail('none');
}

function workOf({ operation, number }: ModelAttempt, { ids, works }: Real): ControlledWork {
  return works.get(`${ids[operation]}/${number}`) ?? expect.fail('no work');
}

function move(operation: ModelOperation, state: OperationState): void {
  operation.state = state;
  operation.seq += 1;
}

function write(model: Model, attempt: ModelAttempt): void {
  const operation = model.operations[attempt.operation];
  const isOurs = operation.attempt === attempt.number && !isTerminal(operation.state);
  if (isOurs) operation.seq += 1;
  else attempt.isLost = true;
}

function writeEnd(model: Model, attempt: ModelAttempt): void {
  attempt.isPending = false;
  const operation = model.operations[attempt.operation];
  const isOpen = !isTerminal(operation.state) || operation.state === 'crashed';
  if (operation.attempt === attempt.number && isOpen) move(operation, attempt.end);
}

const STEP_MS = 2000;

/** Lets time pass, no faster than the database answers: it would look like one that is away. */
async function pass(
  ms: number,
  { isFrozen }: Model,
  { engines }: Real,
  stepMs: number = STEP_MS,
): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    // oxlint-disable-next-line no-await-in-loop -- a step after the other
    await vi.advanceTimersByTimeAsync(stepMs);
    for (const on of [0, 1] as const) {
      // oxlint-disable-next-line no-await-in-loop
      if (!isFrozen[on]) await engines[on].database.idle();
    }
  }
}

/** All that was to be written is written, and whoever was cancelled has heard it. */
const SETTLED_MS = 2000;

async function expectRows({ operations }: Model, { store, ids }: Real): Promise<void> {
  const rows = await sql(
    store,
    `select state::text as state, attempt, seq,
       is_cancellable and not has_refused_cancel as "isCancellable"
     from trunkline.operations where id in (select jsonb_array_elements_text($1::jsonb))
     order by array_position($2::text[], id)`,
    [JSON.stringify(ids), `{${ids.join(',')}}`],
  );
  expect(rows).toEqual(operations);
}

/** All processes come back, and all work ends well. */
async function finish(model: Model, real: Real): Promise<void> {
  const acts = ([0, 1] as const).map(thaw).filter((act) => act.check(model));
  // oxlint-disable-next-line no-await-in-loop
  for (const act of acts) await act.run(model, real);
  while (liveAttempts(model).length > 0) {
    // oxlint-disable-next-line no-await-in-loop
    await endWork([0, 'succeeded']).run(model, real);
  }
  expect(model.operations.every(({ state }) => isTerminal(state))).toBe(true);
}

const AFTER: Record<OperationState, readonly OperationState[]> = {
  queued: [],
  running: ['running', 'cancelling', 'succeeded', 'failed', 'crashed', 'cancelled'],
  cancelling: ['cancelling', 'running', 'succeeded', 'failed', 'cancelled'],
  crashed: ['succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};

/** What was told of each operation is all of it, once, and a way that it may go. */
function expectTold({ operations }: Model, { ids, messages }: Real): void {
  for (const [index, id] of ids.entries()) {
    const updates = messages
      .map(({ event }) => event)
      .filter(({ data }) => data.operationId === id)
      .toSorted((a, b) => (a.data.seq ?? 0) - (b.data.seq ?? 0));
    const { seq } = operations[index];
    expect(updates.map(({ data }) => data.seq)).toEqual(
      Array.from({ length: seq }, (_, n) => n + 1),
    );
    for (const [place, { type, data }] of updates.entries()) {
      const { state = 'queued', attempt = 0 } = data;
      const before = updates[place - 1]?.data;
      expect(type).toBe(isTerminal(state) ? endType(state) : 'operation:progress');
      if (!before?.state) expect([state, attempt]).toEqual(['running', 1]);
      else if (attempt === before.attempt) expect(AFTER[before.state]).toContain(state);
      else expect([state, attempt]).toEqual(['running', (before.attempt ?? 0) + 1]);
    }
  }
}

function endType(state: OperationState): string {
  return state === 'succeeded' ? 'operation:complete' : 'operation:error';
}
