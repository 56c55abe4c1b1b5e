import { deflateRawSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { connected, seeded, serve, type TestServer, upgrade, userChannel } from './harness.ts';
import {
  closeFrameOf,
  type FrameParts,
  fragmentsOf,
  frameOf,
  fuzzedFrame,
  opcodes,
  RawSocket,
} from './hostile-frames.ts';

const rooms = {
  'chat:*': { authorize: () => true, publish: 'members', history: {}, presence: true },
} as const;
const command = '{"id":2,"rpc":{"method":"x"}}';
const plain = (parts: FrameParts) => frameOf(command, parts);
const control = (opcode: number, size: number) => frameOf('x'.repeat(size), { opcode });

const hostile: [string, Buffer, number][] = [
  ['an unmasked frame', plain({ isMasked: false }), 1002],
  ...[1, 2, 4, 7].map((reserved): [string, Buffer, number] => [
    `the reserved bits ${reserved}`,
    plain({ reserved }),
    1002,
  ]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, Buffer, number] => [
    `the opcode ${opcode}`,
    plain({ opcode }),
    1002,
  ]),
  ['a continuation of nothing', plain({ opcode: opcodes.continuation }), 1002],
  [
    'a message in the middle of another',
    Buffer.concat([plain({ isFinal: false }), plain({})]),
    1002,
  ],
  ['a fragmented ping', plain({ opcode: opcodes.ping, isFinal: false }), 1002],
  ['a ping of 126 bytes', control(opcodes.ping, 126), 1002],
  ['a pong of 126 bytes', control(opcodes.pong, 126), 1002],
  ['a close of 126 bytes', control(opcodes.close, 126), 1002],
  ['a close of one byte', control(opcodes.close, 1), 1002],
  ...[0, 999, 1004, 1005, 1006, 1015, 2_999, 5_000].map((code): [string, Buffer, number] => [
    `a close with ${code}`,
    closeFrameOf(code),
    1002,
  ]),
  ['a close whose reason is no UTF-8', closeFrameOf(1000, Buffer.from([0xff])), 1007],
  ['a lone surrogate in UTF-8', frameOf(Buffer.from([0xed, 0xa0, 0x80])), 1007],
  ['an overlong slash', frameOf(Buffer.from([0xc0, 0xaf])), 1007],
  ['a character cut in two', frameOf(Buffer.from([0xe2, 0x82])), 1007],
  ['a byte beyond Unicode', frameOf(Buffer.from([0xf5, 0x80, 0x80, 0x80])), 1007],
  ...[2n ** 16n + 1n, 2n ** 31n, 2n ** 40n, 2n ** 53n, 2n ** 62n, 2n ** 63n].map(
    (announced): [string, Buffer, number] => [
      `an announcement of ${announced} bytes`,
      frameOf('x', { announced }),
      1009,
    ],
  ),
  ['65,537 bytes', frameOf('x'.repeat(65_537)), 1009],
  ['65,537 bytes in 60 fragments', fragmentsOf('x'.repeat(65_537), 60), 1009],
  ['65 fragments', fragmentsOf(' '.repeat(65), 65), 1008],
  ['65 empty fragments', fragmentsOf('', 65), 1008],
  ['a compressed frame', frameOf(deflateRawSync('x'.repeat(1e6)), { reserved: 4 }), 1002],
  ['an empty message', frameOf(''), 3501],
  ['a binary message that is no UTF-8', frameOf(Buffer.from([0xff]), { opcode: 2 }), 3501],
  ['a fragmented message that is no JSON', fragmentsOf('{"id":2,', 4), 3501],
];

test.each(hostile)('%# %s is told exactly its code', async (_name, bytes, code) => {
  const server = await serve();
  const neighbour = await connected(server, 'acme/bob');
  const attacker = await new RawSocket(server.url).connect('acme/eve');
  attacker.write(bytes);
  expect(await attacker.closed()).toBe(code);
  await expect.poll(() => server.node.stats().connections).toBe(1);
  await server.node.publish(userChannel('bob'), '"still here"');
  await neighbour.publication('still here');
});

test.each<[string, Buffer]>([
  ['64 fragments', fragmentsOf(command, 64)],
  ['one byte in each', fragmentsOf(command, command.length)],
  [
    'pings between its fragments',
    Buffer.concat([
      frameOf(command.slice(0, 5), { isFinal: false }),
      frameOf('?', { opcode: opcodes.ping }),
      frameOf(command.slice(5), { opcode: opcodes.continuation }),
    ]),
  ],
])('a message with %s is read', async (_name, bytes) => {
  const server = await serve();
  const client = await new RawSocket(server.url).connect('acme/ada');
  client.write(bytes);
  await expect.poll(() => client.texts.length).toBe(2);
  expect(JSON.parse(client.texts[1] ?? '')).toMatchObject({ id: 2, error: { code: 108 } });
  client.tcp.destroy();
});

const SESSIONS = 2_500;
const FRAMES = 8;
/** Of the WebSocket, of the protocol, or the peer's own. */
const EXPECTED = new Set([null, 1000, 1002, 1005, 1007, 1008, 1009, 3013, 3501, 3509]);

test(`${SESSIONS * FRAMES} fuzzed frames end no more than their own connection`, async () => {
  const rejections = watchRejections();
  const server = await serve({ rooms, onSend: () => {} });
  const random = seeded(31);
  const neighbours = await Promise.all(
    ['acme/ada', 'acme/bob', 'globex/ada'].map((token) => connected(server, token)),
  );
  const codes = new Map<number | null, number>();
  let published = 0;
  for (let session = 0; session < SESSIONS; session += 10) {
    const ends = await Promise.all(Array.from({ length: 10 }, () => attack(server, random)));
    for (const code of ends) codes.set(code, (codes.get(code) ?? 0) + 1);
    published += 1;
    await server.node.publish(userChannel('ada'), String(published));
    await server.node.publish(userChannel('bob'), String(published));
  }
  await Promise.all(neighbours.slice(0, 2).map((client) => client.publication(published)));
  const all = Array.from({ length: published }, (_, n) => n + 1);
  expect(neighbours.map(({ pushed }) => pushed)).toEqual([all, all, []]);
  expect([...codes.keys()].filter((code) => !EXPECTED.has(code))).toEqual([]);
  for (const code of [1002, 1007, 1009, 3501]) expect(codes.get(code) ?? 0).toBeGreaterThan(0);
  await expect.poll(() => server.node.stats()).toMatchObject({ connections: 3, channels: 5 });
  expect(server.log.records.filter(({ level }) => level === 'error')).toEqual([]);
  expect(rejections).toEqual([]);
});

async function attack(server: TestServer, random: () => number): Promise<number | null> {
  const attacker = await new RawSocket(server.url).connect('acme/eve');
  const bytes = Buffer.concat(Array.from({ length: FRAMES }, () => fuzzedFrame(random)));
  attacker.tcp.end(bytes);
  return await attacker.closed();
}

function watchRejections(): unknown[] {
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  return rejections;
}

test('an HTTP server with tight limits answers 431 and 408, and the door never sees them', async () => {
  const http = {
    maxHeaderSize: 8 * 1024,
    headersTimeout: 200,
    requestTimeout: 400,
    connectionsCheckingInterval: 50,
  };
  const server = await serve({}, { http });
  const statusOf = async (bytes: string) => {
    const attacker = new RawSocket(server.url);
    attacker.write(bytes);
    await attacker.closed();
    return attacker.status;
  };
  const start = 'GET /connection/websocket HTTP/1.1\r\nHost: x\r\n';
  expect((await upgrade(server.url, { 'x-long': 'x'.repeat(9_000) })).status).toBe(431);
  expect(await statusOf(`${start}${'X-Many: 1\r\n'.repeat(2_500)}\r\n`)).toBe(431);
  expect(await statusOf(start)).toBe(408);
  expect(await statusOf('')).toBe(408);
  expect(await statusOf(`${start}Upgrade: websocket\r\n`)).toBe(408);
  expect(await statusOf('\x16\x03\x01 no HTTP at all\r\n\r\n')).toBe(400);
  expect(server.node.stats()).toMatchObject({ connections: 0, counts: { connectionsOpened: 0 } });
});

test('compression is offered in vain', async () => {
  const server = await serve();
  const offer = 'permessage-deflate; client_max_window_bits; server_no_context_takeover';
  const answer = await upgrade(server.url, { 'sec-websocket-extensions': offer });
  expect(answer.status).toBe(101);
  expect(answer.headers).not.toHaveProperty('sec-websocket-extensions');
});
