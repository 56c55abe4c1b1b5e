import { AsyncLocalStorage } from 'node:async_hooks';
import type { PGlite } from '@electric-sql/pglite';
import {
  defineOperation,
  fromPglite,
  type OperationPrincipal,
  UserFacingError,
} from '@trunkline/operations';
import { operationProcessor } from '@trunkline/operations/bullmq';
import { DelayedError, type Job, type Processor, Queue, QueueEvents, Worker } from 'bullmq';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { needs, redisForTests } from '../../../test/services/for-tests.ts';
import type { Keyspace } from '../../../test/services/redis-keyspace.ts';
import { ControlledWork, untilAborted } from './controlled-work.ts';
import { openEngine } from './engine.ts';
import { ControlledAttempts, newType, storeOf } from './runner-under-test.ts';
import { newPglite, newUser } from './store.ts';

const redis = await redisForTests();

interface Import {
  readonly file: string;
  readonly tenantId: string;
}

describe('a BullMQ queue of the app’s own', needs(redis), () => {
  let pglite: PGlite;
  let keyspace: Keyspace;

  beforeAll(async () => {
    pglite = await newPglite();
    keyspace = redis.keyspace();
  });
  afterAll(() => pglite.close());

  const open = (options: Parameters<typeof openEngine>[1] = {}) =>
    openEngine(storeOf(fromPglite(pglite)), options);

  /** A queue, its jobs' definition, and whose they are. */
  const newQueue = () => {
    const [name, as] = [newType(), newUser('editors')];
    const connection = { url: keyspace.url };
    const { prefix } = keyspace;
    const queue = new Queue<Import>(name, { connection, prefix });
    const events = new QueueEvents(name, { connection, prefix });
    onTestFinished(async () => {
      await events.close();
      await queue.close();
    });
    const tenantId = as.realm.kind === 'tenant' ? as.realm.tenantId : '';
    const owner = (job: Job<Import>): OperationPrincipal => ({
      ...{ userId: as.userId, roles: as.roles },
      realm: { kind: 'tenant', tenantId: job.data.tenantId },
    });
    return {
      ...{ as, queue, events, owner, definition: defineOperation<Import>(name) },
      add: (options = {}) => queue.add('import', { file: 'a.csv', tenantId }, options),
      work: (processor: Processor<Import>, options = {}) => {
        const worker = new Worker<Import>(name, processor, { connection, prefix, ...options });
        worker.on('error', () => {});
        onTestFinished(() => worker.close(true));
        return worker;
      },
    };
  };
  const operationOf = async (
    { operations }: Awaited<ReturnType<typeof open>>,
    { as, definition }: ReturnType<typeof newQueue>,
  ) => {
    const { operations: all } = await operations.list({ type: definition.type }, { as });
    expect(all).toHaveLength(1);
    return all[0];
  };

  test('its jobs are operations of whom they are for, and return what the work does', async () => {
    const acting = new AsyncLocalStorage<OperationPrincipal>();
    const context = {
      ownerOf: () => newUser(),
      callerOf: () => ({ realm: newUser().realm, principal: null }),
      runAs: <T>(principal: OperationPrincipal, fn: () => T) => acting.run(principal, fn),
    };
    const engine = await open({ context });
    const jobs = newQueue();
    const { definition, owner } = jobs;
    const work = vi.fn<() => unknown>(() => acting.getStore());
    const processor = operationProcessor(engine.operations, definition, work, {
      owner,
      label: ({ data }) => `Import of ${data.file}`,
    });
    jobs.work(processor);
    const job = await jobs.add();
    expect(await job.waitUntilFinished(jobs.events)).toEqual(jobs.as);
    const snapshot = { state: 'succeeded', label: 'Import of a.csv', result: jobs.as };
    expect(await operationOf(engine, jobs)).toMatchObject(snapshot);
    const [[operation, given]] = work.mock.calls as unknown as [[{ input: Import }, Job]];
    expect(operation.input).toEqual(job.data);
    expect(given.id).toBe(job.id);
  });

  test('progress is the job’s too', async () => {
    const engine = await open();
    const jobs = newQueue();
    const work = new ControlledWork();
    jobs.work(operationProcessor(engine.operations, jobs.definition, work.work, jobs));
    const told = new Promise((resolve) =>
      jobs.events.once('progress', ({ data }) => resolve(data)),
    );
    await jobs.events.waitUntilReady();
    const job = await jobs.add();
    const operation = await work.begun;
    await operation.progress({ percentage: 10, stage: 'reading' });
    await operation.progress({ percentage: 20 });
    expect(await told).toEqual({ percentage: 20, stage: 'reading' });
    work.succeed(null);
    await job.waitUntilFinished(jobs.events);
  });

  test('a job that fails is tried again by BullMQ, as the same operation', async () => {
    const engine = await open();
    const jobs = newQueue();
    const attempts = new ControlledAttempts();
    jobs.work(operationProcessor(engine.operations, jobs.definition, attempts.work, jobs));
    const job = await jobs.add({ attempts: 2 });
    const { id } = await attempts.attempt(1).begun;
    attempts.attempt(1).fail(new Error('again'));
    expect(await attempts.attempt(2).begun).toMatchObject({ id, attempt: 2 });
    attempts.attempt(2).fail(new Error('at last'));
    await expect(job.waitUntilFinished(jobs.events)).rejects.toThrow('at last');
    const ended = { state: 'failed', attempt: 2, maxAttempts: 2 };
    expect(await operationOf(engine, jobs)).toMatchObject(ended);
  });

  test('a cancelled operation is the job’s last attempt', async () => {
    const engine = await open();
    const jobs = newQueue();
    jobs.work(operationProcessor(engine.operations, jobs.definition, untilAborted, jobs));
    const job = await jobs.add({ attempts: 5 });
    const { event } = await firstRunning(engine, jobs.definition.type);
    await engine.operations.cancel(event.data.operationId, { as: jobs.as });
    await expect(job.waitUntilFinished(jobs.events)).rejects.toThrow('cancelled');
    expect(await jobs.queue.getJob(job.id ?? '')).toMatchObject({ attemptsMade: 1 });
    expect(await operationOf(engine, jobs)).toMatchObject({ state: 'cancelled', attempt: 1 });
  });

  test('cancelled while it waits for its next attempt, the job does nothing any more', async () => {
    const engine = await open();
    const jobs = newQueue();
    const work = vi.fn<() => unknown>(() => Promise.reject(new Error('again')));
    jobs.work(operationProcessor(engine.operations, jobs.definition, work, jobs));
    const job = await jobs.add({ attempts: 5, backoff: 200 });
    const isWaiting = ({ event: { data } }: Parameters<typeof engine.outlet.publish>[0]) =>
      data.operationType === jobs.definition.type && data.state === 'queued';
    const { data } = await engine.outlet.until(isWaiting);
    await engine.operations.cancel(data.operationId, { as: jobs.as });
    await expect(job.waitUntilFinished(jobs.events)).rejects.toThrow('cancelled');
    expect(await jobs.queue.getJob(job.id ?? '')).toMatchObject({ attemptsMade: 2 });
    expect(work).toHaveBeenCalledTimes(1);
  });

  test('what the user has to mend is the job’s last attempt', async () => {
    const engine = await open();
    const jobs = newQueue();
    const work = vi.fn<() => unknown>(() => {
      throw new UserFacingError('Line 3 has no e-mail address');
    });
    jobs.work(operationProcessor(engine.operations, jobs.definition, work, jobs));
    const job = await jobs.add({ attempts: 5 });
    await expect(job.waitUntilFinished(jobs.events)).rejects.toThrow('Line 3');
    expect(await operationOf(engine, jobs)).toMatchObject({ state: 'failed', attempt: 1 });
    expect(work).toHaveBeenCalledTimes(1);
  });

  test('a job that says that it goes on later has not failed', async () => {
    const engine = await open();
    const jobs = newQueue();
    const attempts: number[] = [];
    const work = async ({ attempt }: { attempt: number }, job: Job<Import>) => {
      attempts.push(attempt);
      if (attempts.length > 1) return 'done';
      await job.moveToDelayed(Date.now() + 10, job.token);
      throw new DelayedError();
    };
    jobs.work(operationProcessor(engine.operations, jobs.definition, work, jobs));
    const job = await jobs.add();
    expect(await job.waitUntilFinished(jobs.events)).toBe('done');
    expect(attempts).toEqual([1, 2]);
    expect(await operationOf(engine, jobs)).toMatchObject({ state: 'succeeded', attempt: 2 });
  });

  test('a job that uses the id of an earlier one is an operation of its own', async () => {
    const engine = await open();
    const jobs = newQueue();
    const ids: string[] = [];
    const work = ({ id }: { id: string }) => void ids.push(id);
    jobs.work(operationProcessor(engine.operations, jobs.definition, work, jobs));
    const options = { jobId: 'import-of-today', removeOnComplete: true };
    await jobs.events.waitUntilReady();
    for (const count of [1, 2]) {
      const completed = new Promise((resolve) => jobs.events.once('completed', resolve));
      await jobs.add(options);
      await completed;
      expect(new Set(ids).size).toBe(count);
    }
  });

  test('a job whose worker has died goes on in another one', async () => {
    const [dying, living] = [await open(), await open()];
    const jobs = newQueue();
    const { definition } = jobs;
    const [lost, next] = [new ControlledWork(), new ControlledWork()];
    const locks = { lockDuration: 500, stalledInterval: 200 };
    const dead = jobs.work(operationProcessor(dying.operations, definition, lost.work, jobs), {
      ...locks,
      skipLockRenewal: true,
    });
    const job = await jobs.add();
    const handle = await lost.begun;
    await dead.pause(true);
    jobs.work(operationProcessor(living.operations, definition, next.work, jobs), locks);
    expect(await next.begun).toMatchObject({ id: handle.id, attempt: 2 });
    await handle.progress({ percentage: 99 });
    await vi.waitFor(() => expect(handle.signal.aborted).toBe(true), 10_000);
    lost.fail(handle.signal.reason);
    next.succeed('of the living');
    expect(await job.waitUntilFinished(jobs.events)).toBe('of the living');
    expect(await operationOf(living, jobs)).toMatchObject({
      ...{ state: 'succeeded', attempt: 2, result: 'of the living' },
    });
  });

  test('a worker that stops a job does not cancel the operation', async () => {
    const engine = await open();
    const jobs = newQueue();
    const attempts = new ControlledAttempts();
    const processor = operationProcessor(engine.operations, jobs.definition, attempts.work, jobs);
    const worker = jobs.work(processor);
    const job = await jobs.add({ attempts: 2 });
    const { signal } = await attempts.attempt(1).begun;
    worker.cancelJob(job.id ?? '', 'The lock is lost');
    expect(signal.reason).toBe('The lock is lost');
    attempts.attempt(1).fail(new Error('stopped'));
    await attempts.attempt(2).begun;
    attempts.attempt(2).succeed('done');
    expect(await job.waitUntilFinished(jobs.events)).toBe('done');
  });
});

function firstRunning({ outlet }: Awaited<ReturnType<typeof openEngine>>, type: string) {
  return outlet
    .until(({ event: { data } }) => data.operationType === type && data.state === 'running')
    .then((event) => ({ event }));
}
