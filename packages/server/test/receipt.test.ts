import {
  BrokerUnavailableError,
  MemoryBroker,
  Node,
  NotDurableError,
  type SealedEvent,
  sendEvent,
} from '@trunkline/server';
import { afterEach, expect, test, vi } from 'vitest';
import { fromToken, MemoryAudit, MemoryLog, roomChannel, userChannel } from './harness.ts';

const event: SealedEvent = { id: 'event-1', type: 'chat:message', json: '{"v":1}', bytes: 7 };

afterEach(() => {
  vi.useRealTimers();
});

function nodeWith(publish?: MemoryBroker['publish']) {
  const broker = new MemoryBroker();
  if (publish) broker.publish = publish;
  const log = new MemoryLog();
  return {
    node: new Node({ broker, log, audit: new MemoryAudit(), authenticate: fromToken }),
    log,
  };
}

test('accepted: with the position in the stream', async () => {
  const { node, log } = nodeWith();
  const [first, second] = await Promise.all([
    sendEvent(node, userChannel('ada'), event),
    sendEvent(node, userChannel('ada'), event),
  ]);
  expect(first).toEqual({
    id: 'event-1',
    status: 'accepted',
    epoch: expect.any(String),
    offset: 1,
  });
  expect(second).toEqual({ ...first, offset: 2 });
  expect(log.records).toEqual([]);
});

test('accepted without history: no epoch, offset 0', async () => {
  const node = new Node({
    authenticate: fromToken,
    rooms: { '*': { history: false } },
    log: new MemoryLog(),
  });
  const receipt = await sendEvent(node, roomChannel('chat:1'), event);
  expect(receipt).toEqual({ id: 'event-1', status: 'accepted', epoch: '', offset: 0 });
});

test('a repeated idempotency key gets the position of the first send', async () => {
  const { node } = nodeWith();
  const once = { idempotencyKey: 'k' };
  const first = await sendEvent(node, userChannel('ada'), event, once);
  expect(await sendEvent(node, userChannel('ada'), event, once)).toEqual(first);
});

test("a repeat's receipt has its own id and the position of the first", async () => {
  const { node } = nodeWith();
  const once = { idempotencyKey: 'k' };
  const first = await sendEvent(node, userChannel('ada'), event, once);
  const repeat = await sendEvent(node, userChannel('ada'), { ...event, id: 'event-2' }, once);
  expect(repeat).toEqual({ ...first, id: 'event-2' });
});

test.each<[string, unknown]>([
  ['an empty key', ''],
  ['a key of 129 bytes', 'x'.repeat(129)],
  ['a key of 65 letters and 130 bytes', 'ä'.repeat(65)],
  ['a number', 7],
  ['null', null],
])('%s is no idempotency key: it rejects and publishes nothing', async (_name, idempotencyKey) => {
  const { node, log } = nodeWith();
  const sending = sendEvent(node, userChannel('ada'), event, { idempotencyKey } as never);
  await expect(sending).rejects.toMatchObject({
    name: 'InvalidIdempotencyKeyError',
    code: 'INVALID_IDEMPOTENCY_KEY',
  });
  expect(await sendEvent(node, userChannel('ada'), event)).toMatchObject({ offset: 1 });
  expect(log.records).toEqual([]);
});

test('dropped: the broker says that it published nothing', async () => {
  const { node, log } = nodeWith(async () => {
    throw new BrokerUnavailableError('connect ECONNREFUSED');
  });
  const receipt = await sendEvent(node, userChannel('ada'), event);
  expect(receipt).toEqual({ id: 'event-1', status: 'dropped', reason: 'connect ECONNREFUSED' });
  expect(log.records).toMatchObject([{ level: 'warn', message: 'send_not_accepted' }]);
});

test('unknown: any other failure may have come after the publish', async () => {
  const { node } = nodeWith(async () => {
    throw new Error('connection reset');
  });
  const receipt = await sendEvent(node, userChannel('ada'), event);
  expect(receipt).toEqual({ id: 'event-1', status: 'unknown', reason: 'connection reset' });
});

test('unknown after 2 seconds of a broker that never answers', async () => {
  vi.useFakeTimers();
  const { node } = nodeWith(async () => await new Promise<never>(() => {}));
  const settled = vi.fn<(receipt: unknown) => void>();
  void sendEvent(node, userChannel('ada'), event).then(settled);
  await vi.advanceTimersByTimeAsync(1_990);
  expect(settled).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(20);
  expect(settled).toHaveBeenCalledWith({
    id: 'event-1',
    status: 'unknown',
    reason: 'The broker did not answer in 2000 ms',
  });
  expect(vi.getTimerCount()).toBe(0);
});

test('an answer that comes too late disturbs nobody', async () => {
  vi.useFakeTimers();
  const answer = Promise.withResolvers<never>();
  const { node } = nodeWith(async () => await answer.promise);
  const sending = sendEvent(node, userChannel('ada'), event);
  await vi.advanceTimersByTimeAsync(2_010);
  expect(await sending).toMatchObject({ status: 'unknown' });
  answer.reject(new Error('too late'));
  await vi.advanceTimersByTimeAsync(10);
});

test('required: an outage rejects with what happened', async () => {
  vi.useFakeTimers();
  const down = nodeWith(async () => {
    throw new BrokerUnavailableError('down');
  });
  const required = { required: true };
  await expect(sendEvent(down.node, userChannel('ada'), event, required)).rejects.toMatchObject({
    code: 'BROKER_UNAVAILABLE',
  });
  const silent = nodeWith(async () => await new Promise<never>(() => {}));
  const rejection = sendEvent(silent.node, userChannel('ada'), event, required).catch(
    (error: unknown) => error,
  );
  await vi.advanceTimersByTimeAsync(2_010);
  expect(await rejection).toMatchObject({ code: 'PUBLISH_TIMEOUT' });
});

test('a malformed id is no outage: it rejects', async () => {
  const { node, log } = nodeWith();
  await expect(sendEvent(node, roomChannel('a b'), event)).rejects.toThrow(TypeError);
  await expect(sendEvent(node, userChannel(''), event)).rejects.toThrow(TypeError);
  expect(log.records).toEqual([]);
});

test('what must be durable is published with so many replicas, what need not with none', async () => {
  const asked: unknown[] = [];
  const { node } = nodeWith(async (_channel, _data, { replicas }) => {
    asked.push(replicas);
    return { epoch: 'e', offset: asked.length };
  });
  const durable = { replicas: 2 };
  expect(await sendEvent(node, userChannel('ada'), event, { durable })).toMatchObject({
    status: 'accepted',
  });
  await sendEvent(node, userChannel('ada'), event);
  expect(asked).toEqual([2, undefined]);
});

test('what must be durable and is not rejects, whether it is required or not, and is said', async () => {
  const { node, log } = nodeWith(async () => {
    throw new NotDurableError('1 of 2 replicas has it');
  });
  for (const required of [false, true]) {
    const sending = sendEvent(node, userChannel('ada'), event, {
      durable: { replicas: 2 },
      required,
    });
    await expect(sending).rejects.toMatchObject({ code: 'NOT_DURABLE' });
  }
  expect(log.records.map(({ message }) => message)).toEqual(
    Array.from({ length: 2 }, () => 'send_not_accepted'),
  );
});

test('of the memory broker nothing is durable', async () => {
  const { node } = nodeWith();
  const sending = sendEvent(node, userChannel('ada'), event, { durable: { replicas: 1 } });
  await expect(sending).rejects.toMatchObject({ code: 'NOT_DURABLE' });
});

test('an outage of the broker is in the receipt of what must be durable, too', async () => {
  const { node } = nodeWith(async () => {
    throw new BrokerUnavailableError('down');
  });
  const receipt = await sendEvent(node, userChannel('ada'), event, { durable: { replicas: 1 } });
  expect(receipt).toMatchObject({ status: 'dropped' });
});

test.each<[string, unknown]>([
  ['no replica', { replicas: 0 }],
  ['half a replica', { replicas: 1.5 }],
  ['a number of them in words', { replicas: '1' }],
  ['a number', 1],
  ['null', null],
])('%s is no durability: it rejects and publishes nothing', async (_name, durable) => {
  const { node, log } = nodeWith();
  const sending = sendEvent(node, userChannel('ada'), event, { durable } as never);
  await expect(sending).rejects.toMatchObject({ code: 'INVALID_DURABILITY' });
  expect(log.records).toEqual([]);
});

test('what is not kept cannot be durable', async () => {
  const rooms = { 'fleeting:*': { history: false }, '*': { volatile: ['chat:message'] } } as const;
  const node = new Node({ authenticate: fromToken, rooms, log: new MemoryLog() });
  const durable = { replicas: 1 };
  for (const sending of [
    sendEvent(node, userChannel('ada'), event, { durable, volatile: true }),
    sendEvent(node, roomChannel('fleeting:1'), event, { durable }),
    sendEvent(node, roomChannel('chat:1'), event, { durable }),
  ]) {
    await expect(sending).rejects.toThrow(/not kept cannot be durable/);
  }
});
