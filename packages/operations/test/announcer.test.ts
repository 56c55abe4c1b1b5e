import type { OperationMessage, PublishOperation } from '@trunkline/operations';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Announcer } from '../src/announcer.ts';
import { MemoryLog } from './engine.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const message = (seq: number, operationId = 'a'): OperationMessage => ({
  realm: { kind: 'tenant', tenantId: 'acme' },
  ownerId: 'anna',
  audience: 'owner',
  event: { type: 'operation:progress', data: { operationId, operationType: 'import', seq } },
});

/** An announcer, and a broker that answers what the test says. */
function announcing() {
  const taken: (number | undefined)[] = [];
  const asked: (number | undefined)[] = [];
  const broker: { answer: PublishOperation } = { answer: () => Promise.resolve(true) };
  const log = new MemoryLog();
  const woken: string[] = [];
  const publish: PublishOperation = async (next) => {
    asked.push(next.event.data.seq);
    const isTaken = await broker.answer(next);
    if (isTaken) taken.push(next.event.data.seq);
    return isTaken;
  };
  const announcer = new Announcer(publish, log, (id) => woken.push(id));
  return { announcer, broker, taken, asked, log, woken };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

test('updates are told one after the other, in their order', async () => {
  const { announcer, broker, taken, asked } = announcing();
  const first = Promise.withResolvers<boolean>();
  broker.answer = () => first.promise;
  announcer.announce([message(1), message(2)]);
  announcer.announce([message(4)]);
  announcer.announce([message(3)]);
  await settle();
  expect(asked).toEqual([1]);
  broker.answer = () => Promise.resolve(true);
  first.resolve(true);
  await settle();
  expect(taken).toEqual([1, 2, 3, 4]);
  expect(announcer.waiting).toBe(0);
});

test('one operation does not wait for another', async () => {
  const { announcer, broker, taken } = announcing();
  broker.answer = ({ event }) => Promise.resolve(event.data.operationId !== 'a');
  announcer.announce([message(1)]);
  announcer.announce([message(7, 'b')]);
  await settle();
  expect(taken).toEqual([7]);
  expect(announcer.waiting).toBe(1);
});

describe.each<[string, () => Promise<boolean>]>([
  ['takes nothing', () => Promise.resolve(false)],
  ['rejects', () => Promise.reject(new Error('Redis is away'))],
  ['rejects with what cannot be described', () => Promise.reject(Object.create(null) as Error)],
  [
    'throws',
    () => {
      throw new Error('Redis is away');
    },
  ],
  ['never answers', () => new Promise(() => {})],
])('a broker that %s', (_, answer) => {
  test('is asked again, and told the newest when it is back', async () => {
    const { announcer, broker, taken, asked } = announcing();
    broker.answer = answer;
    announcer.announce([message(1)]);
    for (let seq = 2; seq <= 30; seq += 1) {
      announcer.announce([message(seq)]);
      // oxlint-disable-next-line no-await-in-loop
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(taken).toEqual([]);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.length).toBeLessThan(12);
    broker.answer = () => Promise.resolve(true);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(taken).toEqual([30]);
    announcer.announce([message(31)]);
    await settle();
    expect(taken).toEqual([30, 31]);
    expect(announcer.waiting).toBe(0);
  });

  test('does not make anything grow', async () => {
    const { announcer, broker } = announcing();
    broker.answer = answer;
    const add = vi.spyOn(AbortSignal.prototype, 'addEventListener');
    const remove = vi.spyOn(AbortSignal.prototype, 'removeEventListener');
    announcer.announce([message(1)]);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(add.mock.calls.length - remove.mock.calls.length).toBeLessThanOrEqual(1);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
    vi.restoreAllMocks();
  });
});

test('the newest is the one with the highest number, whatever came last', async () => {
  const { announcer, broker, taken } = announcing();
  broker.answer = () => Promise.resolve(false);
  announcer.announce([message(1)]);
  await settle();
  announcer.announce([message(9)]);
  announcer.announce([message(8)]);
  broker.answer = () => Promise.resolve(true);
  await vi.advanceTimersByTimeAsync(15_000);
  expect(taken).toEqual([9]);
});

test('what waits for a slow broker is bounded, and the newest of it told', async () => {
  const { announcer, broker, taken } = announcing();
  const slow = Promise.withResolvers<boolean>();
  broker.answer = () => slow.promise;
  announcer.announce([message(1)]);
  await settle();
  for (let seq = 2; seq <= 100_000; seq += 1) announcer.announce([message(seq)]);
  broker.answer = () => Promise.resolve(true);
  slow.resolve(true);
  await settle();
  expect(taken.length).toBeLessThanOrEqual(100);
  expect(taken[0]).toBe(1);
  expect(taken.at(-1)).toBe(100_000);
});

test('a broker that is away for very many operations is told of so many, and the log of the others', async () => {
  const { announcer, broker, log, woken } = announcing();
  broker.answer = () => Promise.resolve(false);
  for (let id = 0; id < 10_010; id += 1) announcer.announce([message(1, String(id))]);
  expect(announcer.waiting).toBe(10_000);
  expect(log.of('operation_update_dropped')).toHaveLength(10);
  expect(woken).toHaveLength(10_010);
  await announcer.stop();
});

test('who stops gives up what the broker does not take, and says nothing more', async () => {
  const { announcer, broker, asked } = announcing();
  broker.answer = () => Promise.resolve(false);
  announcer.announce([message(1)]);
  await settle();
  const stopping = announcer.stop();
  await vi.advanceTimersByTimeAsync(1000);
  await stopping;
  const before = asked.length;
  announcer.announce([message(2)]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(before);
  expect(announcer.waiting).toBe(0);
});

test('who stops waits for what is on its way, and for what is behind it', async () => {
  const { announcer, broker, taken } = announcing();
  broker.answer = () => new Promise((resolve) => setTimeout(() => resolve(true), 200));
  announcer.announce([message(1), message(2)]);
  const stopping = announcer.stop();
  await vi.advanceTimersByTimeAsync(1000);
  await stopping;
  expect(taken).toEqual([1, 2]);
});
