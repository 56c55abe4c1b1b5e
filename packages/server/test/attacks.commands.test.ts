import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { connected, RawClient, serve, type TestServer, userChannel } from './harness.ts';
import { hostileFrames } from './hostile-commands.ts';

const rooms = {
  'chat:*': {
    authorize: () => true,
    publish: 'members',
    history: { size: 10 },
    presence: true,
    joinLeave: true,
  },
} as const;
const options = {
  rooms,
  rpc: { echo: (_principal: unknown, data: unknown) => data },
  onSend: () => {},
};

const RUNS = 3_000;
/** Replies that a client's own doing can bring about; 100 would be a mistake of ours. */
const ERRORS = new Set([103, 104, 105, 106, 107, 108, 111, 112]);
/** Closes that a client's own doing can bring about; 3004 would be a mistake of ours. */
const CLOSES = new Set([1009, 3013, 3501, 3509]);
/** Of what comes before and after the fuzzed frame. */
const FIRST_ID = 4_000_000_000;
const LAST_ID = 4_000_000_001;

test(`${RUNS} fuzzed commands get an error or end their connection, and nobody else's`, async () => {
  const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype));
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const server = await serve(options);
  const neighbour = await connected(server, 'acme/bob');
  let published = 0;
  await fc.assert(
    fc.asyncProperty(hostileFrames, async (frame) => {
      published += 1;
      await server.node.publish(userChannel('bob'), String(published));
      await expectAnswered(server, frame);
    }),
    { numRuns: RUNS, seed: 32 },
  );
  await neighbour.publication(published);
  expect(neighbour.pushed).toEqual(Array.from({ length: published }, (_, n) => n + 1));
  expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(prototype);
  expect('admin' in {}).toBe(false);
  await expect.poll(() => server.node.stats()).toMatchObject({ connections: 1, channels: 2 });
  expect(server.node.stats().counts.publications).toBeGreaterThan(published + 100);
  expect(server.node.stats().counts).toMatchObject({ isolationViolations: 0, hooksFailed: 0 });
  expect(server.log.records.filter(({ level }) => level === 'error')).toEqual([]);
  expect(rejections).toEqual([]);
});

async function expectAnswered(server: TestServer, frame: string): Promise<void> {
  const attacker = await connected(server, 'acme/eve');
  attacker.send({ id: FIRST_ID, subscribe: { channel: 'chat:1' } });
  attacker.send(frame);
  attacker.send({ id: LAST_ID, rpc: { method: 'echo' } });
  const isOver = await Promise.race([
    attacker.reply(LAST_ID).then(
      () => false,
      () => true,
    ),
    attacker.closed().then(() => true),
  ]);
  if (isOver) expect(CLOSES).toContain(attacker.closeCode);
  for (const { error } of attacker.lines) if (error) expect(ERRORS).toContain(error.code);
  attacker.socket.terminate();
}

const nested = (depth: number) =>
  `{"id":2,"rpc":{"method":"echo","data":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}}`;

test('JSON of depth 32 is passed on, and can be printed', async () => {
  const server = await serve(options);
  const client = await connected(server, 'acme/eve');
  client.send(nested(32));
  expect(await client.reply(2)).toHaveProperty('rpc');
});

test.each([33, 64, 65, 5_000, 30_000])('JSON of depth %d ends it with 3501', async (depth) => {
  const server = await serve(options);
  const client = await connected(server, 'acme/eve');
  client.send(nested(depth));
  expect(await client.closed()).toBe(3501);
  expect(server.node.stats().limits.maxJsonDepth).toBe(1);
});

test.each([
  '{"id":2,"rpc":{"method":"echo","data":{"__proto__":{"admin":true}}}}',
  '{"id":2,"rpc":{"method":"echo","data":[{"constructor":{"prototype":{"admin":true}}}]}}',
  '{"id":2,"rpc":{"method":"echo","data":{"\\u005f_proto__":{"admin":true}}}}',
  '{"id":2,"__proto__":{"admin":true},"rpc":{"method":"echo"}}',
  '{"id":2,"subscribe":{"channel":"chat:1","data":{"prototype":1}}}',
])('a key of the prototype ends it with 3501: %s', async (frame) => {
  const server = await serve(options);
  const client = await connected(server, 'acme/eve');
  client.send(frame);
  expect(await client.closed()).toBe(3501);
  expect('admin' in {}).toBe(false);
});

test.each([
  ['of 129 bytes', 'x'.repeat(129), 107],
  ['of 60,000 bytes', 'x'.repeat(60_000), 107],
  ['with a lone surrogate', '\ud800', 107],
  ['with a Cyrillic look-alike', 'сhat:1', 107],
  ['with a control character', 'chat:1\u0000', 107],
  ["with the server's sign", '@user', 103],
  ['of the platform', 'platform:admins', 103],
  ['of another tenant', 'tenant:globex', 103],
  ['that no rule opens', 'toString', 103],
])('a subscribe to a channel %s is refused', async (_name, channel, code) => {
  const server = await serve(options);
  const client = await connected(server, 'acme/eve');
  expect((await client.ask(2, { subscribe: { channel } })).error?.code).toBe(code);
});

test('a channel name of a megabyte is not even read', async () => {
  const server = await serve(options);
  const client = await connected(server, 'acme/eve');
  client.send({ id: 2, subscribe: { channel: 'x'.repeat(1_000_000) } });
  expect(await client.closed()).toBe(1009);
});

test('10,000 commands in one frame: not one is carried out', async () => {
  const server = await serve(options);
  const client = await connected(server, 'acme/eve');
  client.send(Array.from({ length: 10_000 }, () => '{}').join('\n'));
  expect(await client.closed()).toBe(3501);
  expect(server.node.stats().limits.maxCommandsPerFrame).toBe(1);
});

test('a command behind the close of its connection is not carried out', async () => {
  const calls: unknown[] = [];
  const server = await serve({ rpc: { note: (_principal, data) => void calls.push(data) } });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/eve' } });
  client.send({ id: 2, rpc: { method: 'note', data: 'before' } });
  client.send('garbage');
  for (let id = 3; id < 20; id += 1) client.send({ id, rpc: { method: 'note', data: id } });
  expect(await client.closed()).toBe(3501);
  expect(calls.filter((data) => data !== 'before')).toEqual([]);
});
