import { isTerminal, type OperationState } from '@trunkline/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import { addWorker, removeWorker, takeFromTheDead } from '../../src/leases.ts';
import { newOperation } from '../../src/new-operation.ts';
import type { OperationRow } from '../../src/row.ts';
import { findOperation, insertOperation } from '../../src/store.ts';
import {
  cancelOperation,
  claimOperation,
  type Ending,
  endOperation,
  requeueOperation,
  resumeOperation,
  retryOperation,
  type Tenure,
  writeProgress,
} from '../../src/transitions.ts';
import { newUser, type StoreOf, sql } from '../store.ts';

const STATES = [
  'queued',
  'running',
  'cancelling',
  'succeeded',
  'failed',
  'cancelled',
  'crashed',
] as const satisfies readonly OperationState[];
const ENDS = ['succeeded', 'failed', 'cancelled', 'crashed'] as const;
const [ALIVE, DEAD] = ['worker-alive', 'worker-dead'];
const sweeper = (id: string) => ({ id, leaseMs: 60_000, running: [] });
const FAILURE = { code: 'x', message: 'X', retryable: true };

const ending = (state: Ending['state']): Ending => ({
  state,
  message: null,
  error: state === 'succeeded' ? null : FAILURE,
  result: undefined,
  resultRef: null,
  refresh: [],
});

type Act = (tenure: Tenure, store: ReturnType<StoreOf>) => Promise<OperationRow | null>;

/** Everything that can be tried on an operation, and where it gets it from each state that allows it. */
const TRANSITIONS: Record<string, { act: Act; to: Partial<Record<OperationState, string>> }> = {
  claim: {
    act: ({ id, workerId }, { database }) => claimOperation(database, id, workerId),
    to: { queued: 'running' },
  },
  progress: {
    act: (tenure, { database }) => writeProgress(database, tenure, { percentage: 1 }, 1),
    to: { running: 'running', cancelling: 'cancelling' },
  },
  cancel: {
    act: ({ id }, { database }) => cancelOperation(database, id, FAILURE),
    to: { queued: 'cancelled', running: 'cancelling' },
  },
  resume: {
    act: (tenure, { database }) => resumeOperation(database, tenure, 'It could not be cancelled'),
    to: { cancelling: 'running' },
  },
  requeue: {
    act: (tenure, { database }) => requeueOperation(database, tenure),
    to: { running: 'queued' },
  },
  retry: {
    act: ({ id, workerId }, { database }) => retryOperation(database, id, workerId),
    to: { failed: 'running', cancelled: 'running', crashed: 'running' },
  },
  'retry of a durable one': {
    act: ({ id }, { database }) => retryOperation(database, id, null),
    to: { failed: 'queued', cancelled: 'queued', crashed: 'queued' },
  },
  ...Object.fromEntries(
    ENDS.map((state) => [
      `end: ${state}`,
      {
        act: (tenure, { database }) => endOperation(database, tenure, {}, ending(state), 1),
        to: {
          running: state,
          cancelling: state,
          ...(state === 'crashed' ? {} : { crashed: state }),
        },
      } satisfies { act: Act; to: Partial<Record<OperationState, string>> },
    ]),
  ),
};

/** The state machine, one transition at a time. */
export function describeStates(storeOf: StoreOf): void {
  beforeAll(async () => {
    await addWorker(storeOf().database, ALIVE, 3_600_000);
  });

  /** An operation that stands in a state, whatever way it would have come there. */
  async function operationIn(
    state: OperationState,
    { workerId = ALIVE, isDurable = true, maxAttempts = 3 } = {},
  ): Promise<Tenure> {
    const options = { durable: isDurable, maxAttempts, retryable: true };
    const operation = newOperation({ type: 'import' }, options, {
      owner: newUser(),
      state: 'running',
      workerId,
      parentId: null,
      hasHandler: true,
    });
    await insertOperation(storeOf().database, operation, {
      ...{ perUser: 1, perRealm: 1 },
      isLeaseNeeded: false,
    });
    await sql(
      storeOf(),
      `update trunkline.operations
       set state = $2::text::trunkline.operation_state,
         finished_at = case when $3::boolean then now() end,
         error = case when $2::text in ('failed', 'cancelled', 'crashed') then $4::jsonb end
       where id = $1`,
      [operation.id, state, isTerminal(state), JSON.stringify(FAILURE)],
    );
    return { id: operation.id, attempt: 1, workerId };
  }

  describe.each(Object.entries(TRANSITIONS))('%s', (_, { act, to }) => {
    test.each(STATES)('of one that is %s', async (state) => {
      const tenure = await operationIn(state);
      const before = await findOperation(storeOf().database, tenure.id);
      const row = await act(tenure, storeOf());
      const after = await findOperation(storeOf().database, tenure.id);
      const next = to[state];
      if (next === undefined) {
        expect(row).toBeNull();
        expect(after).toEqual(before);
        return;
      }
      expect(row?.snapshot).toEqual(after?.snapshot);
      expect(row?.workerId).toBe(after?.workerId);
      expect(after?.snapshot).toMatchObject({ state: next, seq: 2 });
      expect(after?.snapshot.finishedAt !== undefined).toBe(isTerminal(next as OperationState));
    });
  });

  test.each([
    ['another attempt', { attempt: 2 }],
    ['another worker', { workerId: DEAD }],
  ])('nothing of %s is written', async (_, other) => {
    const { database } = storeOf();
    for (const state of ['running', 'cancelling', 'crashed'] as const) {
      const tenure = await operationIn(state);
      const before = await findOperation(database, tenure.id);
      const wrong = { ...tenure, ...other };
      expect(await writeProgress(database, wrong, { percentage: 99 }, 1)).toBeNull();
      expect(await endOperation(database, wrong, {}, ending('succeeded'), 1)).toBeNull();
      expect(await requeueOperation(database, wrong)).toBeNull();
      expect(await resumeOperation(database, wrong, 'No')).toBeNull();
      expect(await findOperation(database, tenure.id)).toEqual(before);
    }
  });

  test('a worker without a lease claims nothing', async () => {
    const { id } = await operationIn('queued');
    await sql(storeOf(), 'update trunkline.operations set worker_id = null where id = $1', [id]);
    expect(await claimOperation(storeOf().database, id, DEAD)).toBeNull();
    expect(await claimOperation(storeOf().database, id, ALIVE)).not.toBeNull();
  });

  test('a failed attempt comes back with the next number, as long as there is one', async () => {
    const { database } = storeOf();
    const last = await operationIn('running', { maxAttempts: 1 });
    expect(await requeueOperation(database, last)).toBeNull();
    const tenure = await operationIn('running', { maxAttempts: 2 });
    const requeued = await requeueOperation(database, tenure);
    expect(requeued).toMatchObject({ workerId: null, snapshot: { state: 'queued', attempt: 2 } });
    expect(await requeueOperation(database, tenure)).toBeNull();
  });

  describe('of a dead worker', () => {
    test.each([
      ['running', { isDurable: false }, { state: 'crashed', attempt: 1 }],
      ['running', { isDurable: true, maxAttempts: 2 }, { state: 'queued', attempt: 2 }],
      ['running', { isDurable: true, maxAttempts: 1 }, { state: 'crashed', attempt: 1 }],
      ['queued', { isDurable: false }, { state: 'crashed', attempt: 1 }],
      ['cancelling', { isDurable: false }, { state: 'cancelled', attempt: 1 }],
      ['cancelling', { isDurable: true, maxAttempts: 2 }, { state: 'cancelled', attempt: 1 }],
    ] as const)('one that is %s %o becomes %o', async (state, options, expected) => {
      const { database } = storeOf();
      await addWorker(database, DEAD, -1);
      const { id } = await operationIn(state, { ...options, workerId: DEAD });
      const taken = await takeFromTheDead(database, sweeper(ALIVE));
      expect(taken.map(({ snapshot }) => snapshot)).toEqual([
        expect.objectContaining({ id, seq: 2, ...expected }),
      ]);
      expect(await takeFromTheDead(database, sweeper(ALIVE))).toEqual([]);
    });

    test.each(ENDS)('one that is %s stays so', async (state) => {
      const { id } = await operationIn(state, { workerId: DEAD });
      expect(await takeFromTheDead(storeOf().database, sweeper(ALIVE))).toEqual([]);
      expect((await findOperation(storeOf().database, id))?.snapshot.state).toBe(state);
    });
  });

  test('of one’s own, and of a living worker, nothing is taken', async () => {
    const { database } = storeOf();
    const [other, own] = ['worker-other', 'worker-own'];
    await addWorker(database, other, 60_000);
    await addWorker(database, own, -1);
    await operationIn('running', { workerId: other });
    await operationIn('running', { workerId: own });
    expect(await takeFromTheDead(database, sweeper(own))).toEqual([]);
    await removeWorker(database, own);
    await removeWorker(database, other);
    expect(await takeFromTheDead(database, sweeper(ALIVE))).toHaveLength(2);
  });

  describe('whatever is written past the engine', () => {
    test.each([
      ['a state that there is not', "state = 'paused'"],
      ['an end without its time', "state = 'succeeded', finished_at = null"],
      ['a time of an end that there was not', 'finished_at = now()'],
      ['work that is nobody’s', 'worker_id = null'],
      ['work that never began', 'started_at = null'],
      ['a failure without an error', "state = 'failed', finished_at = now()"],
      ['an error without a failure', `error = '{"code":"x"}'`],
      ['more attempts than allowed', 'attempt = max_attempts + 1'],
      ['attempt 0', 'attempt = 0'],
      ['update 0', 'seq = 0'],
      ['101 %', 'percentage = 101'],
      ['-1 %', 'percentage = -1'],
      ['NaN %', "percentage = 'NaN'"],
      ['a tenant’s operation without a tenant', "tenant_id = ''"],
      ['a platform’s operation with a tenant', "realm = 'platform'"],
      ['another realm', "realm = 'moon'"],
      ['an operation without an owner', "owner_id = ''"],
      ['an audience that there is not', "audience = 'everyone'"],
      ['a parent that there is not', "parent_id = 'nobody'"],
    ])('the database refuses %s', async (_, change) => {
      const { id } = await operationIn('running');
      const text = `update trunkline.operations set ${change} where id = $1`;
      await expect(sql(storeOf(), text, [id])).rejects.toThrow(/violates|invalid input value/);
    });
  });
}
