import {
  defineOperation,
  InvalidOperationError,
  type JobAttemptOptions,
  OperationCancelledError,
  type OperationPrincipal,
  UserFacingError,
} from '@trunkline/operations';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine, SHORT_LEASE } from '../engine.ts';
import { newType, type RunnerUnderTest } from '../runner-under-test.ts';
import { newUser } from '../store.ts';

/** How the attempts of a job that some queue brings are one operation. */
export function describeJobAttempts(underTest: () => RunnerUnderTest): void {
  const open = (options: Parameters<typeof openEngine>[1] = {}) =>
    openEngine(underTest().store, options);
  const newJob = (as: OperationPrincipal = newUser()) => {
    const type = newType();
    const attempt = (number: number, more: Partial<JobAttemptOptions> = {}) => ({
      ...{ as, key: `job of ${type}`, attempt: number, maxAttempts: 3, ...more },
    });
    return { as, type, attempt };
  };

  test('its attempts are attempts of one operation, which waits between them', async () => {
    const { operations, outlet } = await open();
    const { as, type, attempt } = newJob();
    const first = operations.attempt(type, attempt(1), () => Promise.reject(new Error('again')));
    await expect(first).rejects.toThrow('again');
    const [waiting] = (await operations.list({ type }, { as })).operations;
    expect(waiting).toMatchObject({ state: 'queued', attempt: 2, maxAttempts: 3 });
    const result = await operations.attempt(type, attempt(2), (operation) => operation.attempt);
    expect(result).toBe(2);
    const { operations: all } = await operations.list({ type }, { as });
    expect(all).toMatchObject([{ id: waiting?.id, state: 'succeeded', attempt: 2, result: 2 }]);
    const told = outlet.of(waiting?.id ?? '').map(({ data }) => `${data.state} ${data.attempt}`);
    expect(told).toEqual(['running 1', 'queued 2', 'running 2', 'succeeded 2']);
  });

  test('the last attempt that fails is the operation’s end', async () => {
    const { operations } = await open();
    const { as, type, attempt } = newJob();
    const last = operations.attempt(type, attempt(3), () => Promise.reject(new Error('no')));
    await expect(last).rejects.toThrow('no');
    const { operations: all } = await operations.list({ type }, { as });
    expect(all).toMatchObject([{ state: 'failed', attempt: 3, maxAttempts: 3 }]);
  });

  test('what the user has to mend ends it, whatever attempts the job has left', async () => {
    const { operations } = await open();
    const { as, type, attempt } = newJob();
    const failing = operations.attempt(type, attempt(1), () => {
      throw new UserFacingError('Line 3 has no e-mail address');
    });
    await expect(failing).rejects.toThrow('Line 3');
    const { operations: all } = await operations.list({ type }, { as });
    expect(all).toMatchObject([{ state: 'failed', attempt: 1 }]);
  });

  test('an attempt that is only postponed has not failed, and takes no try', async () => {
    const { operations, log } = await open();
    const { as, type, attempt } = newJob();
    const fateOf = () => 'postponed' as const;
    const postponed = operations.attempt(type, attempt(3, { fateOf }), () => {
      throw new Error('later');
    });
    await expect(postponed).rejects.toThrow('later');
    const { operations: all } = await operations.list({ type }, { as });
    expect(all).toMatchObject([{ state: 'queued', attempt: 4, maxAttempts: 4 }]);
    expect(log.of('operation_failed')).toEqual([]);
  });

  test('behind a process that has died, or is thought to have, it goes on', async () => {
    const [dying, living] = [await open({ limits: SHORT_LEASE }), await open()];
    const { as, type, attempt } = newJob();
    const lost = new ControlledWork();
    const first = dying.operations.attempt(type, attempt(1), lost.work);
    const handle = await lost.begun;
    const next = new ControlledWork();
    const second = living.operations.attempt(type, attempt(2), next.work);
    const { id } = handle;
    expect(await next.begun).toMatchObject({ id, attempt: 2 });
    await handle.progress({ percentage: 99 });
    await vi.waitFor(() => expect(handle.signal.aborted).toBe(true), 10_000);
    lost.succeed('of the dead');
    expect(await first).toBe('of the dead');
    expect(await living.operations.get(id, { as })).toMatchObject({ state: 'running', attempt: 2 });
    next.succeed('of the living');
    await second;
    expect(await living.operations.get(id, { as })).toMatchObject({ result: 'of the living' });
  });

  test('one that somebody has called crashed goes on with its next attempt', async () => {
    const [dying, living] = [
      await open({ limits: SHORT_LEASE }),
      await open({ limits: SHORT_LEASE }),
    ];
    const { as, type, attempt } = newJob();
    const lost = new ControlledWork();
    const first = dying.operations.attempt(type, attempt(1), lost.work);
    const { id } = await lost.begun;
    dying.database.break('refuses');
    await living.outlet.state(id, 'crashed');
    const second = await living.operations.attempt(type, attempt(2), (operation) => operation.id);
    expect(second).toBe(id);
    lost.fail(new Error('of the dead'));
    dying.database.heal();
    await expect(first).rejects.toThrow('of the dead');
    expect(await living.operations.get(id, { as })).toMatchObject({ state: 'succeeded' });
  });

  test('what has succeeded is not done again', async () => {
    const { operations } = await open();
    const { type, attempt } = newJob();
    await operations.attempt(type, attempt(1), () => 'done');
    const work = vi.fn<() => string>();
    expect(await operations.attempt(type, attempt(2), work)).toBe('done');
    expect(work).not.toHaveBeenCalled();
  });

  test('what somebody has cancelled between two attempts is not done', async () => {
    const { operations } = await open();
    const { as, type, attempt } = newJob();
    const failing = operations.attempt(type, attempt(1), () => Promise.reject(new Error('again')));
    await expect(failing).rejects.toThrow('again');
    const [waiting] = (await operations.list({ type }, { as })).operations;
    await operations.cancel(waiting?.id ?? '', { as });
    const work = vi.fn<() => string>();
    const next = operations.attempt(type, attempt(2), work);
    await expect(next).rejects.toThrow(OperationCancelledError);
    expect(work).not.toHaveBeenCalled();
  });

  test('of two that come with the same number one runs', async () => {
    const { operations } = await open();
    const { type, attempt } = newJob();
    const work = new ControlledWork();
    const one = operations.attempt(type, attempt(1), work.work);
    await work.begun;
    const other = operations.attempt(type, attempt(1), () => 'other');
    await expect(other).rejects.toThrow('cannot begin: it is running, with attempt 1');
    work.succeed('one');
    expect(await one).toBe('one');
  });

  test('a queue that begins to count again does not stop it', async () => {
    const { operations } = await open();
    const { type, attempt } = newJob();
    const failing = operations.attempt(type, attempt(3), () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await operations.attempt(type, attempt(1), (operation) => operation.attempt)).toBe(4);
  });

  test('told to stop by its queue, it is not cancelled', async () => {
    const { operations } = await open();
    const { as, type, attempt } = newJob();
    const stop = new AbortController();
    const work = new ControlledWork();
    const stopping = operations.attempt(type, attempt(1, { signal: stop.signal }), work.work);
    const { id, signal } = await work.begun;
    stop.abort(new Error('The lock is lost'));
    expect(signal.reason).toEqual(new Error('The lock is lost'));
    work.fail(signal.reason);
    await expect(stopping).rejects.toThrow('The lock is lost');
    expect(await operations.get(id, { as })).toMatchObject({ state: 'queued', attempt: 2 });
  });

  test('stopped with its process, it waits for the queue to bring it again', async () => {
    const [stopping, other] = [await open(), await open()];
    const { as, type, attempt } = newJob();
    const work = new ControlledWork();
    const running = stopping.operations.attempt(type, attempt(1), work.work);
    const { id, signal } = await work.begun;
    signal.addEventListener('abort', () => work.fail(signal.reason));
    await Promise.all([
      expect(running).rejects.toThrow('The server is being stopped'),
      stopping.operations.close({ graceMs: 1 }),
    ]);
    expect(await other.operations.get(id, { as })).toMatchObject({ state: 'queued', attempt: 2 });
  });

  test('its input is checked, and a wrong one is the attempt’s failure', async () => {
    const { operations } = await open();
    const { as, type, attempt } = newJob();
    const definition = defineOperation(type, { input: z.object({ file: z.string() }) });
    const wrong = attempt(1, { input: { file: 1 } }) as never;
    await expect(operations.attempt(definition, wrong, () => 1)).rejects.toThrow('file: ');
    const { operations: all } = await operations.list({ type }, { as });
    expect(all).toMatchObject([{ state: 'queued', attempt: 2 }]);
    const right = { ...attempt(2), input: { file: 'a.csv' } };
    expect(await operations.attempt(definition, right, ({ input }) => input.file)).toBe('a.csv');
  });

  test('an attempt is a number from 1', async () => {
    const { operations } = await open();
    const { type, attempt } = newJob();
    const wrong = operations.attempt(type, attempt(0), () => 1);
    await expect(wrong).rejects.toThrow(InvalidOperationError);
  });
}
