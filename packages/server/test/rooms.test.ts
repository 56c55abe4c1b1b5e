import { defaultLimits, Node, type NodeOptions, type RoomRule } from '@trunkline/server';
import { expect, test } from 'vitest';
import { fromToken, roomChannel } from './harness.ts';

const nodeWith = (rule: unknown, options: Partial<NodeOptions> = {}) =>
  new Node({ authenticate: fromToken, rooms: { 'chat:*': rule as RoomRule }, ...options });

test.each<[string, unknown, string]>([
  ['a size of 0', { history: { size: 0 } }, "The history of rooms 'chat:*'.size must be a number"],
  ['a time that is not a number', { history: { ttlMs: Number.NaN } }, 'ttlMs'],
  ['bytes in quotes', { history: { maxBytes: '1' } }, 'maxBytes'],
  ['a history that is true', { history: true }, 'must be { size?, ttlMs?, maxBytes? }'],
  ['an authorize that is no function', { authorize: true }, 'authorize'],
  ['a rule that is none', null, "The rule of rooms 'chat:*'"],
])('a node refuses a room rule that cannot work: %s', (_name, rule, message) => {
  expect(() => nodeWith(rule)).toThrow(message);
});

test("a rule's history replaces the node's where it says something", () => {
  const history = { size: undefined, ttlMs: 5, maxBytes: Infinity };
  const node = nodeWith(
    { history },
    { limits: { history: { ...defaultLimits.history, size: 7 } } },
  );
  expect(node.historyOf(roomChannel('chat:1'))).toEqual({ size: 7, ttlMs: 5, maxBytes: Infinity });
  expect(node.historyOf(roomChannel('other'))).toMatchObject({ size: 7, ttlMs: 300_000 });
  expect(nodeWith({ history: false }).historyOf(roomChannel('chat:1'))).toBeNull();
});

test('a limit that is undefined is absent', () => {
  const limits = { maxFragments: undefined, history: undefined } as never;
  expect(nodeWith({}, { limits }).limits).toEqual(defaultLimits);
});
