import fc from 'fast-check';

/** Strings that somebody's code trips over. */
const oddStrings = fc.constantFrom(
  '',
  ' ',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '@user',
  '@all',
  '@role:admin',
  'platform:admins',
  'tenant:globex',
  'user:ada',
  'chat:1',
  'chat:2',
  'chat:١',
  'сhat:1', // the first letter is Cyrillic
  'chat:1\u0000',
  'chat:\ud800',
  'chat:%31',
  '../chat:1',
  'chat:1\\n',
  'x'.repeat(129),
  'x'.repeat(5_000),
  '\u202echat',
  'NaN',
);

const oddNumbers = fc.constantFrom(
  0,
  -0,
  -1,
  1,
  1.5,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  1e308,
  Number.MIN_VALUE,
);

const anything = fc.oneof(
  oddStrings,
  oddNumbers,
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(oddStrings, fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
);

/** What a client may say; it stays connected then, so that its next command is looked at too. */
const usual = [
  'subscribe',
  'unsubscribe',
  'publish',
  'presence',
  'presence_stats',
  'history',
  'rpc',
  'send',
  'ping',
] as const;
const fatal = ['connect', 'refresh', 'sub_refresh', 'shout'] as const;

const methods = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(...usual) },
  { weight: 1, arbitrary: fc.constantFrom(...fatal) },
);

const mostly = <T>(usually: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 60, arbitrary: usually }, { weight: 1, arbitrary: anything });

const rooms = fc.constantFrom('chat:1', 'chat:1', 'chat:2', 'closed:1', '@user');

/** A request's fields, most of the right type: what is wrong must not hide behind another mistake. */
const request = fc.record(
  {
    channel: mostly(rooms),
    data: mostly(fc.constant({ type: 'message', data: { text: 'hi' } })),
    token: mostly(fc.constant('acme/eve')),
    method: mostly(fc.constant('echo')),
    recover: mostly(fc.boolean()),
    offset: mostly(fc.nat(20)),
    epoch: mostly(fc.constant('')),
    limit: mostly(fc.integer({ min: -2, max: 400 })),
    since: mostly(fc.record({ offset: fc.nat(9), epoch: fc.constant('') })),
    reverse: mostly(fc.boolean()),
    flag: mostly(fc.nat(3)),
    type: mostly(fc.constant(0)),
    join_leave: mostly(fc.boolean()),
    delta: mostly(fc.constantFrom('', 'fossil')),
    tf: mostly(fc.constant(null)),
    subs: fc.dictionary(oddStrings, anything, { maxKeys: 2 }),
    odd: anything,
  },
  { requiredKeys: ['channel'] },
);

const command = fc
  .record({
    id: mostly(fc.integer({ min: 2, max: 100_000 })),
    method: methods,
    body: mostly(request),
  })
  .map(({ id, method, body }) => JSON.stringify({ id, [method]: body }));

const withForbiddenKeys = fc
  .constantFrom('__proto__', 'constructor', 'prototype', '\\u005f_proto__')
  .map((key) => `{"id":61,"rpc":{"method":"echo","data":{"${key}":{"admin":true}}}}`);

const withDuplicates = rooms.map(
  (room) => `{"id":62,"id":63,"subscribe":{"channel":"x"},"subscribe":{"channel":"${room}"}}`,
);

const withNumbersAsWords = fc
  .constantFrom('NaN', 'Infinity', '-0', '1e999', '0x10', '01', '+1', '"2"', '2.0', '1e1')
  .map((number) => `{"id":${number},"rpc":{"method":"echo"}}`);

const nested = fc
  .tuple(fc.constantFrom(29, 30, 31, 32, 64, 65, 5_000, 30_000), fc.constantFrom('[]', '{}'))
  .map(([depth, kind]) => {
    const [open, close] = kind === '[]' ? ['[', ']'] : ['{"a":', '}'];
    const inner = kind === '[]' ? '' : '1';
    const data = `${open.repeat(depth)}${inner}${close.repeat(depth)}`;
    return `{"id":64,"rpc":{"method":"echo","data":${data}}}`;
  })
  .filter((text) => text.length <= 65_536);

const cutOff = command.chain((text) => fc.nat(text.length).map((length) => text.slice(0, length)));

const garbage = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.replaceAll('\n', ' ')),
  fc.constantFrom('', ' ', '{}', 'null', '[]', '1', '""', '{', '{"id":2}', '\u0000', '\ufeff{}'),
);

const line = fc.oneof(
  { weight: 60, arbitrary: command },
  { weight: 1, arbitrary: withForbiddenKeys },
  { weight: 1, arbitrary: withDuplicates },
  { weight: 1, arbitrary: withNumbersAsWords },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: cutOff },
  { weight: 1, arbitrary: garbage },
);

/** A frame that a hostile or broken client sends: one or more lines, valid UTF-8, anything else. */
export const hostileFrames: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.array(line, { minLength: 1, maxLength: 6 }).map((lines) => lines.join('\n')),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(command, fc.constantFrom(90, 193, 400)).map(([text, count]) =>
      Array.from({ length: count }, () => text)
        .join('\n')
        .slice(0, 65_536),
    ),
  },
);
