import { PLATFORM } from '@trunkline/contract';
import {
  Disconnect,
  defaultLimits,
  type EventAddress,
  ProtocolError,
  sealEvent,
  sealRefreshSignal,
} from '@trunkline/server';
import { describe, expect, test } from 'vitest';
import { acme } from './harness.ts';

const toAda: EventAddress = { realm: acme, scope: 'user' };

const seal = (event: unknown, address = toAda) => sealEvent(event as never, address, defaultLimits);
const opened = (event: unknown, address = toAda) => JSON.parse(seal(event, address).json);
const withData = (data: unknown) => ({ type: 'a:b', data });

test('an event is put in its envelope', () => {
  const before = Date.now();
  const sealed = seal({
    type: 'chat:message',
    data: { text: 'hi' },
    metadata: { message: 'm', custom: 1 },
  });
  const envelope = JSON.parse(sealed.json);
  expect(envelope).toEqual({
    v: 1,
    id: sealed.id,
    ts: envelope.ts,
    type: 'chat:message',
    data: { text: 'hi' },
    metadata: { message: 'm', custom: 1 },
    scope: 'user',
    tenantId: 'acme',
  });
  expect(sealed.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  expect(envelope.ts).toBeGreaterThanOrEqual(before);
  expect(sealed.bytes).toBe(Buffer.byteLength(sealed.json));
});

test('the address says which room, which realm and whose request', () => {
  const room = { realm: acme, scope: 'room', room: 'chat:1', origin: 'client-id' } as const;
  expect(opened(withData(1), room)).toMatchObject({
    scope: 'room',
    room: 'chat:1',
    origin: 'client-id',
  });
  expect(opened(withData(1), { realm: PLATFORM, scope: 'platform' })).not.toHaveProperty(
    'tenantId',
  );
});

test.each<[string, unknown, unknown]>([
  ['undefined', undefined, null],
  ['null', null, null],
  ['false', false, false],
  ['a Date', { at: new Date(0) }, { at: '1970-01-01T00:00:00.000Z' }],
  ['undefined inside', { a: undefined, b: [undefined] }, { b: [null] }],
  ['its own toJSON', { toJSON: () => ({ short: 1 }) }, { short: 1 }],
  [
    'a class instance',
    new (class {
      n = 1;
      method() {}
    })(),
    { n: 1 },
  ],
])('data %s has a JSON form', (_name, data, expected) => {
  expect(opened(withData(data)).data).toEqual(expected);
});

const circular: Record<string, unknown> = { list: [{}] };
(circular['list'] as object[])[0] = { back: circular };

test.each<[string, unknown, string]>([
  ['a BigInt', { rows: [{ id: 1n }] }, 'data.rows[0].id'],
  ['a function', { onClick: () => {} }, 'data.onClick'],
  ['a symbol', { kind: Symbol('x') }, 'data.kind'],
  ['a Map', { index: new Map() }, 'data.index'],
  ['a Set', [new Set()], 'data[0]'],
  ['a circle', circular, 'data.list[0].back'],
  ['the data itself', 1n, 'data'],
  [
    'what the toJSON of a list gives',
    Object.assign([1], { toJSON: () => new Map() }),
    'data[toJSON]',
  ],
])('%s has none: the error names the place', (_name, data, path) => {
  expect(() => seal(withData(data))).toThrow(
    expect.objectContaining({
      code: 'EVENT_NOT_SERIALISABLE',
      message: expect.stringContaining(`at ${path}:`),
    }),
  );
});

test('metadata is looked at too', () => {
  expect(() => seal({ type: 'a', metadata: { big: 1n } })).toThrow(/at metadata\.big:/);
});

test.each<[string, unknown]>([
  [
    'a getter that throws',
    {
      get secret() {
        throw new Error('no');
      },
    },
  ],
  ['endless depth', nested(100_000)],
])('%s is reported as what it is', (_name, data) => {
  expect(() => seal(withData(data))).toThrow(
    expect.objectContaining({ code: 'EVENT_NOT_SERIALISABLE' }),
  );
});

test('what the caller changes after the call does not change what was sealed', () => {
  const data = { n: 1, list: [1] };
  const { json } = seal(withData(data));
  data.n = 2;
  data.list.push(2);
  expect(JSON.parse(json).data).toEqual({ n: 1, list: [1] });
});

test('the limit counts the bytes of the whole envelope', () => {
  const overhead = seal(withData('')).bytes;
  const fits = 'ä'.repeat((defaultLimits.maxEventBytes - overhead) / 2);
  expect(seal(withData(fits)).bytes).toBeLessThanOrEqual(defaultLimits.maxEventBytes);
  expect(() => seal(withData(`${fits}ää`))).toThrow(
    expect.objectContaining({
      code: 'PAYLOAD_TOO_LARGE',
      message: expect.stringContaining('131072'),
    }),
  );
});

describe('an event is refused when', () => {
  test.each<[string, unknown]>([
    ['it is nothing', undefined],
    ['it is a text', 'chat:message'],
    ['its type is missing', { data: 1 }],
    ['its type is empty', { type: '' }],
    ['its type has capitals', { type: 'Chat:Message' }],
    ['its type ends in a colon', { type: 'chat:' }],
    ['its type is too long', { type: 'x'.repeat(129) }],
    ["its type is Trunkline's own", { type: 'trunkline:refresh', data: { tables: ['users'] } }],
    ['its metadata is a text', { type: 'a', metadata: 'users' }],
    ['its tables are a text', { type: 'a', metadata: { tablesToRefresh: 'users' } }],
    ['a table has no name', { type: 'a', metadata: { tablesToRefresh: [''] } }],
    ['an operation has no data', { type: 'operation:progress' }],
    ['an operation has no id', { type: 'operation:progress', data: { operationType: 'import' } }],
    [
      'an operation failed without a reason',
      { type: 'operation:error', data: { operationId: 'a', operationType: 'b' } },
    ],
    [
      'its attempt is 0',
      { type: 'operation:complete', data: { operationId: 'a', operationType: 'b', attempt: 0 } },
    ],
  ])('%s', (_name, event) => {
    expect(() => seal(event)).toThrow(expect.objectContaining({ code: 'INVALID_EVENT' }));
  });
});

test("an operation's percentage is never wrong", () => {
  for (const percentage of [45, '45', -1, 140, Number.NaN, null]) {
    const data = { operationId: 'a', operationType: 'b', percentage };
    expect(opened({ type: 'operation:progress', data }).type).toBe('operation:progress');
  }
});

test('a refresh signal names its tables and its cause, itself when there is no other', () => {
  const signal = sealRefreshSignal(['users'], { realm: acme }, defaultLimits, 'event-id');
  expect(JSON.parse(signal.json)).toMatchObject({
    type: 'trunkline:refresh',
    scope: 'tenant',
    data: { tables: ['users'], cause: 'event-id' },
  });
  const own = sealRefreshSignal(['users'], { realm: PLATFORM }, defaultLimits);
  expect(JSON.parse(own.json)).toMatchObject({ scope: 'platform', data: { cause: own.id } });
  expect(() => sealRefreshSignal([], { realm: acme }, defaultLimits)).toThrow(/at least one/);
});

test('a refresh signal is no larger than an event may be', () => {
  const tables = Array.from({ length: 20_000 }, (_, n) => `table_${n}`);
  const sealing = () => sealRefreshSignal(tables, { realm: acme }, defaultLimits);
  expect(sealing).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
});

test.each([99, 2000, 100.5])('a reply is never an error of code %d', (code) => {
  expect(() => new ProtocolError(code, 'x')).toThrow(RangeError);
});

test.each([
  [1000, 'normal'],
  [5000, 'x'],
  [4000, 'true'],
  [4000, '{}'],
  [4000, 'ä'.repeat(62)],
])('a connection is never closed with %d %s', (code, reason) => {
  expect(() => new Disconnect(code, reason)).toThrow(RangeError);
});

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n += 1) value = [value];
  return value;
}
