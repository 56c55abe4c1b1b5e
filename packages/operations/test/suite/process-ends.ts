import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { defineOperation, type OperationPrincipal } from '@trunkline/operations';
import { expect, onTestFinished, test } from 'vitest';
import type { Keyspace } from '../../../../test/services/redis-keyspace.ts';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { newType, type QueueUnderTest } from '../runner-under-test.ts';
import { newUser } from '../store.ts';

/** What a process of its own is started with: see process-that-ends.ts. */
export interface ProcessOptions {
  readonly connectionString: string;
  /** Absent: pg-boss in that database. */
  readonly redis?: Keyspace;
  readonly type: string;
  readonly as: OperationPrincipal;
  readonly limits: { readonly leaseMs: number };
}

/** A queue that other processes reach too. */
export interface SharedQueue extends QueueUnderTest {
  readonly place: Pick<ProcessOptions, 'connectionString' | 'redis'>;
}

const program = new URL('../process-that-ends.ts', import.meta.url);
const limits = { leaseMs: 1200 };

/** What happens to an operation when its process is killed, or frozen and let go again. */
export function describeProcessEnds(underTest: () => SharedQueue): void {
  const startElsewhere = async (type: string, as: OperationPrincipal) => {
    const options: ProcessOptions = { ...underTest().place, type, as, limits };
    const child = fork(program, [JSON.stringify(options)], {
      execArgv: ['--conditions=@trunkline/source'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const { begun } = (await messageOf(child)) as { begun: string };
    return { child, id: begun };
  };
  const openHere = async (type: string) => {
    const { operations } = await openEngine(underTest().store, {
      ...{ limits, runner: underTest().runner() },
    });
    const work = new ControlledWork();
    operations.handle(defineOperation(type), work.work);
    return { operations, work };
  };

  test('a process that is killed is followed by another one', async () => {
    const [as, type] = [newUser(), newType()];
    const { child, id } = await startElsewhere(type, as);
    const { operations, work } = await openHere(type);
    child.kill('SIGKILL');
    expect(await work.begun).toMatchObject({ id, attempt: 2 });
    work.succeed('here');
    const ended = { state: 'succeeded', attempt: 2, result: 'here' };
    expect(await operations.wait(id, { as })).toMatchObject(ended);
  });

  test('a process that was frozen learns that it has lost its operation, and changes nothing', async () => {
    const [as, type] = [newUser(), newType()];
    const { child, id } = await startElsewhere(type, as);
    const { operations, work } = await openHere(type);
    child.kill('SIGSTOP');
    expect(await work.begun).toMatchObject({ id, attempt: 2 });
    child.kill('SIGCONT');
    expect(await messageOf(child)).toEqual({ aborted: 'LEASE_LOST' });
    expect(await operations.get(id, { as })).toMatchObject({ state: 'running', attempt: 2 });
    work.succeed('here');
    const ended = { state: 'succeeded', attempt: 2, result: 'here' };
    expect(await operations.wait(id, { as })).toMatchObject(ended);
  });
}

async function messageOf(child: ChildProcess): Promise<unknown> {
  const [message] = await once(child, 'message');
  return message;
}
