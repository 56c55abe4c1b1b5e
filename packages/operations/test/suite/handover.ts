import { defineOperation, LeaseLostError, ShutdownError } from '@trunkline/operations';
import { expect, test, vi } from 'vitest';
import { ControlledWork, untilAborted } from '../controlled-work.ts';
import { openEngine, SHORT_LEASE, type TestEngine } from '../engine.ts';
import { ControlledAttempts, newType, type QueueUnderTest } from '../runner-under-test.ts';
import { newUser } from '../store.ts';

/** What only work can that waits in a queue: it is tried again, and goes on where its process has ended. */
export function describeHandover(underTest: () => QueueUnderTest): void {
  const open = async (
    options: { concurrency?: number } & Parameters<typeof openEngine>[1] = {},
  ): Promise<TestEngine> => {
    const { concurrency = 1, ...own } = options;
    const queue = underTest();
    return await openEngine(queue.store, { runner: queue.runner({ concurrency }), ...own });
  };
  const statesOf = ({ outlet }: TestEngine, id: string) => {
    const told = outlet.of(id).map(({ data }) => `${data.state} ${data.attempt}`);
    return told.filter((state, index) => state !== told[index - 1]);
  };

  test('work that fails is tried again, as often as it may be', async () => {
    const engine = await open();
    const { operations } = engine;
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), () => Promise.reject(new Error('again')));
    const { id } = await operations.start(type, { as, durable: true, maxAttempts: 2 });
    await engine.outlet.state(id, 'failed');
    const states = ['queued 1', 'running 1', 'queued 2', 'running 2', 'failed 2'];
    expect(statesOf(engine, id)).toEqual(states);
  });

  test('the next attempt begins from nothing, and its success is the operation’s', async () => {
    const { operations, outlet } = await open();
    const [as, type] = [newUser(), newType()];
    const attempts = new ControlledAttempts();
    operations.handle(defineOperation(type), attempts.work);
    const { id } = await operations.start(type, { as, durable: true });
    const first = await attempts.attempt(1).begun;
    await first.progress({ percentage: 80, stage: 'nearly there' });
    await outlet.until(({ event: { data } }) => 'stage' in data && data.stage === 'nearly there');
    attempts.attempt(1).fail(new Error('again'));
    await attempts.attempt(2).begun;
    const second = await operations.get(id, { as });
    expect(second).toMatchObject({ state: 'running', attempt: 2 });
    expect(second).not.toHaveProperty('percentage');
    expect(second).not.toHaveProperty('stage');
    attempts.attempt(2).succeed('done');
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded', result: 'done' });
  });

  test('work that fails while the database is away is tried again when it is back', async () => {
    const { operations, database, log } = await open();
    const [as, type] = [newUser(), newType()];
    const attempts = new ControlledAttempts();
    operations.handle(defineOperation(type), attempts.work);
    const { id } = await operations.start(type, { as, durable: true });
    await attempts.attempt(1).begun;
    database.break('refuses');
    attempts.attempt(1).fail(new Error('no database'));
    await vi.waitFor(() => expect(log.of('operation_write_failed')).not.toEqual([]), 10_000);
    database.heal();
    await attempts.attempt(2).begun;
    attempts.attempt(2).succeed('done');
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded', result: 'done' });
  });

  test('a job that came while the database was away comes again', async () => {
    const { operations, database } = await open();
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), () => 'done');
    const claim = /set state = 'running', worker_id/;
    database.break('refuses', claim);
    const { id } = await operations.start(type, { as, durable: true });
    await vi.waitFor(() => expect(database.count(claim)).toBeGreaterThan(0), 10_000);
    database.heal();
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  test('cancelled in one process, it stops in the other', async () => {
    const limits = { leaseMs: 3000 };
    const [one, other] = [await open({ limits }), await open({ limits })];
    const [as, type] = [newUser(), newType()];
    one.operations.handle(defineOperation(type), untilAborted);
    const { id } = await one.operations.start(type, { as, durable: true });
    await one.outlet.state(id, 'running');
    await other.operations.cancel(id, { as });
    await one.outlet.state(id, 'cancelled');
    expect(await other.operations.get(id, { as })).toMatchObject({ state: 'cancelled' });
  });

  test('cancelled while it waits, it has ended and never runs', async () => {
    const { operations } = await open();
    const [as, type] = [newUser(), newType()];
    const blocker = new ControlledWork();
    const inputs: unknown[] = [];
    operations.handle(defineOperation(type), (operation) => {
      inputs.push(operation.input);
      return operation.input === 'blocker' ? blocker.work(operation) : undefined;
    });
    const start = (input: string) => operations.start(type, { as, durable: true, input });
    await start('blocker');
    await blocker.begun;
    const waiting = await start('cancelled');
    const last = await start('last');
    await operations.cancel(waiting.id, { as });
    expect(await operations.get(waiting.id, { as })).toMatchObject({ state: 'cancelled' });
    blocker.succeed(null);
    await operations.wait(last.id, { as });
    await vi.waitFor(async () => expect(await underTest().jobs(type)).toBe(0), 10_000);
    expect(inputs).toEqual(['blocker', 'last']);
  });

  test('as many of a type run at once as may, and another type does not wait for them', async () => {
    const { operations } = await open({ concurrency: 2 });
    const [as, busy, quiet] = [newUser(), newType(), newType()];
    const works = [new ControlledWork(), new ControlledWork(), new ControlledWork()] as const;
    let [begun, running, most] = [0, 0, 0];
    operations.handle(defineOperation(busy), async (operation) => {
      most = Math.max(most, (running += 1));
      await works[begun++]?.work(operation);
      running -= 1;
    });
    operations.handle(defineOperation(quiet), () => 'done');
    const starting = works.map(() => operations.start(busy, { as, durable: true }));
    const started = await Promise.all(starting);
    await Promise.all([works[0].begun, works[1].begun]);
    const { id } = await operations.start(quiet, { as, durable: true });
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded' });
    for (const work of works) work.succeed(null);
    await Promise.all(started.map((operation) => operations.wait(operation.id, { as })));
    expect(most).toBe(2);
  });

  test('another process goes on where one has died, and what that one still says is not heard', async () => {
    const limits = SHORT_LEASE;
    const [dying, living] = [await open({ limits }), await open({ limits })];
    const [as, type] = [newUser(), newType()];
    const [lost, next] = [new ControlledWork(), new ControlledWork()];
    dying.operations.handle(defineOperation(type), lost.work);
    const { id } = await dying.operations.start(type, { as, durable: true });
    const handle = await lost.begun;
    living.operations.handle(defineOperation(type), next.work);
    dying.database.break('refuses');
    expect(await next.begun).toMatchObject({ id, attempt: 2 });
    dying.database.heal();
    await handle.progress({ percentage: 99 });
    await vi.waitFor(() => expect(handle.signal.aborted).toBe(true), 10_000);
    expect(handle.signal.reason).toBeInstanceOf(LeaseLostError);
    lost.succeed('of the dead');
    await vi.waitFor(() => expect(dying.operations.stats.running).toBe(0), 10_000);
    const meanwhile = await living.operations.get(id, { as });
    expect(meanwhile).toMatchObject({ state: 'running', attempt: 2 });
    expect(meanwhile).not.toHaveProperty('percentage');
    next.succeed('of the living');
    const ended = { state: 'succeeded', attempt: 2, result: 'of the living' };
    expect(await living.operations.wait(id, { as })).toMatchObject(ended);
    expect(statesOf(dying, id)).toEqual(['queued 1', 'running 1']);
  });

  test('a process that is stopped hands over what it has not finished', async () => {
    const stopping = await open();
    const [as, type] = [newUser(), newType()];
    const work = new ControlledWork();
    stopping.operations.handle(defineOperation(type), work.work);
    const { id } = await stopping.operations.start(type, { as, durable: true });
    const { signal } = await work.begun;
    signal.addEventListener('abort', () => work.fail(signal.reason));
    await stopping.operations.close({ graceMs: 1 });
    expect(signal.reason).toBeInstanceOf(ShutdownError);
    const next = await open();
    next.operations.handle(defineOperation(type), ({ attempt }) => `attempt ${attempt}`);
    const ended = { state: 'succeeded', result: 'attempt 2' };
    expect(await next.operations.wait(id, { as })).toMatchObject(ended);
  });

  test('of a transaction that is rolled back no job stays', async () => {
    const { operations } = await open();
    const [as, type] = [newUser(), newType()];
    const blocker = new ControlledWork();
    operations.handle(defineOperation(type), blocker.work);
    await operations.start(type, { as, durable: true });
    await blocker.begun;
    const queue = underTest();
    const rolledBack = queue.store.transaction(async (tx) => {
      await operations.start(type, { as, durable: true, tx });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    expect(await queue.jobs(type)).toBe(1);
    blocker.succeed(null);
  });

  test('the same job twice is one, and one without its operation is done', async () => {
    const { operations } = await open();
    const [as, type] = [newUser(), newType()];
    const work = new ControlledWork();
    operations.handle(defineOperation(type), work.work);
    const { id } = await operations.start(type, { as, durable: true });
    await work.begun;
    const queue = underTest();
    const producer = queue.runner();
    await producer.start({ leaseMs: 30_000 });
    const job = { attempt: 1, type, realm: as.realm, delayMs: 0 };
    await producer.enqueue({ ...job, operationId: id }, queue.store.database);
    expect(await queue.jobs(type)).toBe(1);
    await producer.enqueue({ ...job, operationId: 'nobody' }, queue.store.database);
    await producer.enqueue({ ...job, operationId: 'nobody' }, queue.store.database);
    expect(await queue.jobs(type)).toBe(2);
    work.succeed(null);
    await vi.waitFor(async () => expect(await queue.jobs(type)).toBe(0), 10_000);
    await producer.stop({ graceMs: 0 });
  });

  test('a job that got lost comes again, once', async () => {
    const { operations } = await open({ limits: { overdueMs: 400 } });
    const [as, type] = [newUser(), newType()];
    const blocker = new ControlledWork();
    operations.handle(defineOperation(type), (operation) =>
      operation.input === 'blocker' ? blocker.work(operation) : operation.attempt,
    );
    const start = (input: string) => operations.start(type, { as, durable: true, input });
    await start('blocker');
    await blocker.begun;
    const { id } = await start('lost');
    const queue = underTest();
    await queue.lose(type);
    await vi.waitFor(async () => expect(await queue.jobs(type)).toBe(2), 10_000);
    blocker.succeed(null);
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded', result: 1 });
  });
}
