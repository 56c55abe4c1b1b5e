import { type SendEventOptions, sealEvent, sendEvent } from '@trunkline/server';
import { Session } from '@trunkline/server/testing';
import { expect, onTestFinished, test } from 'vitest';
import { publicationPush } from '../src/protocol/reply.ts';
import { WaitingLines } from '../src/waiting-lines.ts';
import { acme, serve, type TestServer, userChannel, type WireLine } from './harness.ts';

/** A way out that is as slow as the test wants it to be. */
class SlowWire {
  readonly frames: string[] = [];
  bufferedBytes = 0;
  closedWith = 0;
  isOpen = true;
  #onWritten: (() => void)[] = [];

  send({ text: frame }: { text: string }, progress?: { onWritten(): void }): void {
    this.frames.push(frame);
    if (!this.isOpen) this.bufferedBytes += Buffer.byteLength(frame);
    if (!progress) return;
    if (this.isOpen) progress.onWritten();
    else this.#onWritten.push(() => progress.onWritten());
  }

  /** The network has taken it all. */
  drain(): void {
    this.isOpen = true;
    this.bufferedBytes = 0;
    for (const onWritten of this.#onWritten.splice(0)) onWritten();
  }

  close({ code }: { code: number }): void {
    this.closedWith = code;
  }

  terminate(): void {}

  get pushed(): { offset?: number | undefined; data: unknown }[] {
    const lines = this.frames.flatMap((frame) => frame.split('\n')).map((line) => JSON.parse(line));
    return (lines as WireLine[]).flatMap(({ push }) => (push?.pub ? [push.pub] : []));
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A session whose reader has stopped reading, with as much in its socket as that is given. */
async function stalled(server: TestServer) {
  const wire = new SlowWire();
  const handshake = { headers: {}, url: '/', remoteAddress: '127.0.0.1' };
  const session = new Session({ node: server.node, transport: wire, handshake });
  onTestFinished(() => session.closed());
  session.receive('{"id":1,"connect":{"token":"acme/ada"}}');
  while (wire.frames.length === 0) await turn();
  wire.isOpen = false;
  await server.node.publish(userChannel('ada'), JSON.stringify('x'.repeat(70_000)));
  await turn();
  return { wire };
}

async function sendProgress(
  server: TestServer,
  operationId: string,
  stage: string,
  percentage: number,
  options: SendEventOptions = {},
) {
  const type = 'operation:progress';
  const event = { type, data: { operationId, operationType: 'import', stage, percentage } };
  const address = { realm: acme, scope: 'user' } as const;
  const sealed = sealEvent(event, address, server.node.limits);
  await sendEvent(server.node, userChannel('ada'), sealed, options);
}

const shown = ({ data }: { data: unknown }) => {
  const { operationId, stage, percentage } = (data as { data: Record<string, unknown> }).data;
  return [operationId, stage, percentage];
};

test('of the progress that waits for a slow reader only the newest of each stage is left, in order of offsets', async () => {
  const server = await serve();
  const { wire } = await stalled(server);
  for (const percentage of [1, 2, 3]) {
    await sendProgress(server, 'a', 'parsing', percentage);
    await sendProgress(server, 'b', 'parsing', percentage);
  }
  await sendProgress(server, 'a', 'saving', 50);
  await server.node.publish(userChannel('ada'), '{"data":{"operationId":"plain"}}');
  await sendProgress(server, 'a', 'saving', 60);
  await turn();
  expect(wire.pushed).toHaveLength(1);
  wire.drain();
  await turn();
  const rest = wire.pushed.slice(1);
  expect(rest.map(shown)).toEqual([
    ['a', 'parsing', 3],
    ['b', 'parsing', 3],
    ['plain', undefined, undefined],
    ['a', 'saving', 60],
  ]);
  const offsets = wire.pushed.map(({ offset }) => offset ?? 0);
  expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  expect(server.node.stats().counts.conflated).toBe(5);
});

test('what has a place in the stream never gives way to a volatile one, which gives way to its like', async () => {
  const server = await serve();
  const { wire } = await stalled(server);
  await sendProgress(server, 'a', 'parsing', 1);
  for (const percentage of [2, 3]) {
    await sendProgress(server, 'a', 'parsing', percentage, { volatile: true });
  }
  await turn();
  wire.drain();
  await turn();
  const rest = wire.pushed.slice(1).map((each) => [shown(each)[2], each.offset]);
  expect(rest).toEqual([
    [1, 2],
    [3, undefined],
  ]);
});

test('a slow reader goes without volatile ones that its queue has no space for, and is not closed for them', async () => {
  const server = await serve();
  const { wire } = await stalled(server);
  const publish = async (n: number, volatile: boolean) =>
    await server.node.publish(userChannel('ada'), `"${n}${'x'.repeat(9_000)}"`, { volatile });
  for (let n = 0; n < 200; n += 1) await publish(n, n % 10 > 0);
  for (let n = 0; n < 5; n += 1) await turn();
  expect(wire.closedWith).toBe(0);
  wire.drain();
  await turn();
  const rest = wire.pushed.slice(1);
  expect(rest.filter(({ offset }) => offset !== undefined)).toHaveLength(20);
  const { volatileDropped } = server.node.stats().counts;
  expect(rest).toHaveLength(200 - volatileDropped);
  expect(volatileDropped).toBeGreaterThan(0);
});

test('a reader that keeps up gets every step', async () => {
  const server = await serve();
  const { wire } = await stalled(server);
  wire.drain();
  for (const percentage of [1, 2, 3]) {
    await sendProgress(server, 'a', 'parsing', percentage);
    await turn();
  }
  expect(
    wire.pushed
      .slice(1)
      .map(shown)
      .map(([, , percentage]) => percentage),
  ).toEqual([1, 2, 3]);
});

test('progress that never stops does not fill the queue of a slow reader', async () => {
  const limits = { maxQueuedBytes: 128 * 1024, maxRecoveryBytes: 64 * 1024 };
  const server = await serve({ limits });
  const { wire } = await stalled(server);
  for (let n = 0; n < 1_000; n += 1) await sendProgress(server, 'a', 'parsing', n / 10);
  for (let n = 0; n < 5; n += 1) await turn(); // a turn has room for so many deliveries only
  expect(wire.closedWith).toBe(0);
  wire.drain();
  await turn();
  expect(wire.pushed.slice(1).map(shown)).toEqual([['a', 'parsing', 99.9]]);
});

test('what cannot give way fills it, and ends the connection with 3008', async () => {
  const limits = { maxQueuedLines: 5 };
  const server = await serve({ limits });
  const { wire } = await stalled(server);
  for (let n = 0; n < 5; n += 1) await server.node.publish(userChannel('ada'), `${n}`);
  expect(wire.closedWith).toBe(0);
  await server.node.publish(userChannel('ada'), '5');
  expect(wire.closedWith).toBe(3008);
  expect(server.node.stats().limits.maxQueuedLines).toBe(1);
});

test('progress that asks for a refresh of tables never gives way', async () => {
  const server = await serve();
  const sealed = sealEvent(
    {
      type: 'operation:progress',
      data: { operationId: 'a', operationType: 'import' },
      metadata: { tablesToRefresh: ['users'] },
    },
    { realm: acme, scope: 'user' },
    server.node.limits,
  );
  expect(sealed).not.toHaveProperty('conflationKey');
});

test('a room that is called like the number of another channel has its own progress', async () => {
  const waiting = new WaitingLines();
  const progress = { data: '{}', offset: 1, conflationKey: 'import' };
  const room = publicationPush({ wireName: '5', number: 7 }, progress, false);
  const other = publicationPush({ wireName: 'chat:1', number: 5 }, progress, true);
  waiting.add(room);
  expect(waiting.makeWay(other)).toBe(false);
  expect(waiting.makeWay(publicationPush({ wireName: '5', number: 7 }, progress, true))).toBe(true);
});
