import { channelKey } from '@trunkline/contract';
import { MemoryBroker, type MemoryBrokerOptions } from '@trunkline/server';
import { afterEach, expect, test, vi } from 'vitest';
import { globex, roomChannel } from '../harness.ts';
import { describeBroker, foreignRoom, keep, otherRoom, room } from './broker-suite.ts';
import { fakeTime } from './test-time.ts';

describeBroker('MemoryBroker', { create: () => new MemoryBroker(), time: fakeTime });

afterEach(() => {
  vi.useRealTimers();
});

const tenBytes = '"12345678"';

async function brokerWith(options: MemoryBrokerOptions) {
  const broker = new MemoryBroker(options);
  const publish = async (channel: string, times: number) => {
    for (let n = 0; n < times; n += 1) await broker.publish(channel, tenBytes, keep({ size: 100 }));
  };
  const kept = async (channel: string) => (await broker.history(channel, 0)).publications.length;
  return { broker, publish, kept };
}

test('a full tenant loses the items of its least recently used stream first', async () => {
  const { broker, publish, kept } = await brokerWith({ maxBytesPerTenant: 100 });
  await publish(room, 4);
  await publish(otherRoom, 4);
  await publish(room, 1);
  const { top } = await broker.history(otherRoom, null);
  await publish(room, 2);
  expect(await kept(otherRoom)).toBe(0);
  expect((await broker.history(otherRoom, null)).top).toEqual(top);
  expect(await kept(room)).toBe(7);
});

test("a tenant's flood leaves another tenant's items alone", async () => {
  const { publish, kept } = await brokerWith({ maxBytesPerTenant: 100, maxBytes: 1_000 });
  await publish(foreignRoom, 5);
  for (let n = 0; n < 50; n += 1) await publish(channelKey(roomChannel(`flood:${n}`)), 5);
  expect(await kept(foreignRoom)).toBe(5);
  expect(await kept(channelKey(roomChannel('flood:49')))).toBe(5);
  expect(await kept(channelKey(roomChannel('flood:47')))).toBe(0);
});

test('a full node loses the least recently used streams of whatever tenant', async () => {
  const { broker, publish, kept } = await brokerWith({ maxBytes: 100 });
  await publish(foreignRoom, 5);
  const { top } = await broker.history(foreignRoom, null);
  await publish(room, 6);
  expect(await kept(foreignRoom)).toBe(0);
  expect((await broker.history(foreignRoom, null)).top).toEqual(top);
  expect(await kept(room)).toBe(6);
});

test('one stream that is larger than its tenant may be keeps nothing', async () => {
  const { broker, publish, kept } = await brokerWith({ maxBytesPerTenant: 25 });
  await publish(room, 3);
  expect(await kept(room)).toBe(0);
  expect((await broker.history(room, null)).top.offset).toBe(3);
});

test('forgets the least recently used of too many streams, but none that is subscribed', async () => {
  const { broker } = await brokerWith({ maxStreams: 10 });
  const key = (n: number) => channelKey(roomChannel(`r:${n}`, globex));
  const epoch = async (n: number) => (await broker.history(key(n), null)).top.epoch;
  const followed = await epoch(0);
  await broker.subscribe(key(0));
  const abandoned = await epoch(1);
  for (let n = 2; n < 30; n += 1) await epoch(n);
  expect(await epoch(0)).toBe(followed);
  expect(await epoch(1)).not.toBe(abandoned);
});

test('forgets a stream that nobody touched for its time, and the bytes it held', async () => {
  vi.useFakeTimers();
  const { broker, publish, kept } = await brokerWith({ streamTtlMs: 5_000, maxBytes: 100 });
  await broker.start({ onPublication: () => {} });
  await publish(room, 9);
  await broker.subscribe(otherRoom);
  const { epoch } = (await broker.history(room, null)).top;
  const followed = (await broker.history(otherRoom, null)).top.epoch;
  await vi.advanceTimersByTimeAsync(7_000);
  expect((await broker.history(room, null)).top).toEqual({ epoch: expect.any(String), offset: 0 });
  expect((await broker.history(room, null)).top.epoch).not.toBe(epoch);
  expect((await broker.history(otherRoom, null)).top.epoch).toBe(followed);
  await publish(room, 1);
  await publish(otherRoom, 9); // both fit: nothing of the forgotten stream is still counted
  expect(await kept(room)).toBe(1);
  await broker.stop();
});

test("a tenant's flood of idempotency keys evicts its own oldest, nobody else's", async () => {
  const broker = new MemoryBroker({ maxIdempotencyKeys: 8, maxIdempotencyKeysPerTenant: 3 });
  const publish = async (channel: string, key: number) =>
    (await broker.publish(channel, tenBytes, { ...keep(), idempotencyKey: `${key}` })).offset;
  expect(await publish(foreignRoom, 1)).toBe(1);
  for (let key = 1; key <= 50; key += 1) await publish(room, key);
  expect(await publish(foreignRoom, 1)).toBe(1);
  expect(await publish(room, 48)).toBe(48);
  expect(await publish(room, 47)).toBe(51);
});

test('a full node forgets the oldest idempotency keys of whatever tenant', async () => {
  const broker = new MemoryBroker({ maxIdempotencyKeys: 3 });
  const publish = async (channel: string, key: number) =>
    (await broker.publish(channel, tenBytes, { ...keep(), idempotencyKey: `${key}` })).offset;
  await publish(foreignRoom, 1);
  for (let key = 1; key <= 3; key += 1) await publish(room, key);
  expect(await publish(room, 1)).toBe(1);
  expect(await publish(foreignRoom, 1)).toBe(2);
});

test('an idempotency key is forgotten after 5 minutes', async () => {
  vi.useFakeTimers();
  const { broker } = await brokerWith({});
  const once = { ...keep(), idempotencyKey: 'k' };
  await broker.publish(room, '1', once);
  await vi.advanceTimersByTimeAsync(299_000);
  expect(await broker.publish(room, '1', once)).toMatchObject({ offset: 1 });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await broker.publish(room, '1', once)).toMatchObject({ offset: 2 });
});

test('a jump of the wall clock empties no history', async () => {
  const { publish, kept } = await brokerWith({});
  await publish(room, 1);
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
  expect(await kept(room)).toBe(1);
  vi.restoreAllMocks();
});

test('where no replica can be asked, what is to be durable is not published', async () => {
  const broker = new MemoryBroker();
  const publishing = broker.publish(room, '1', { ...keep(), replicas: 1 });
  await expect(publishing).rejects.toMatchObject({ code: 'NOT_DURABLE', isPublished: false });
  expect((await broker.history(room, null)).top.offset).toBe(0);
});
