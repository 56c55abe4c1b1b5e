import type { RoomRules } from '@trunkline/server';
import { expect, test } from 'vitest';
import { connected, roomChannel, serve } from './harness.ts';

const rooms: RoomRules = {
  'chat:*': { authorize: ({ userId }) => userId === 'ada', history: { size: 10 } },
  'kept:*': { authorize: () => true },
  'none:*': { authorize: () => true, history: false },
};

async function reading(count: number, limits = {}) {
  const server = await serve({ rooms, limits });
  const ada = await connected(server, 'acme/ada');
  for (let n = 1; n <= count; n += 1)
    await server.node.publish(roomChannel('chat:1'), `{"n":${n}}`);
  let id = 1;
  const history = async (request: object) =>
    await ada.ask((id += 1), { history: { channel: 'chat:1', ...request } });
  const offsets = async (request: object) =>
    (await history(request)).history?.publications.map(({ offset }) => offset);
  return { server, ada, history, offsets };
}

test('without a limit history gives the position alone', async () => {
  const { history } = await reading(3);
  expect((await history({})).history).toEqual({
    publications: [],
    epoch: expect.stringMatching(/^[A-Za-z]{8}$/),
    offset: 3,
  });
});

test('history gives publications as they were published, and the top of the stream', async () => {
  const { history } = await reading(2);
  expect((await history({ limit: 1 })).history).toMatchObject({
    publications: [{ data: { n: 1 }, offset: 1 }],
    offset: 2,
  });
});

test.each([
  [{ limit: -1 }, [1, 2, 3, 4, 5]],
  [{ limit: 2 }, [1, 2]],
  [{ limit: -1, reverse: true }, [5, 4, 3, 2, 1]],
  [{ limit: 2, reverse: true }, [5, 4]],
  [{ limit: -1, since: { offset: 0 } }, [1, 2, 3, 4, 5]],
  [{ limit: -1, since: { offset: 3 } }, [4, 5]],
  [{ limit: 1, since: { offset: 3 } }, [4]],
  [{ limit: -1, since: { offset: 5 } }, []],
  [{ limit: -1, since: { offset: 99 } }, []],
  [{ limit: -1, since: { offset: 3 }, reverse: true }, [2, 1]],
  [{ limit: 1, since: { offset: 3 }, reverse: true }, [2]],
  [{ limit: -1, since: { offset: 1 }, reverse: true }, []],
])('history %j gives the offsets %j', async (request, expected) => {
  const { offsets } = await reading(5);
  expect(await offsets(request)).toEqual(expected);
});

test('what was trimmed is no error: the client sees it by the offsets', async () => {
  const { offsets } = await reading(14);
  expect(await offsets({ limit: -1, since: { offset: 1 } })).toEqual([
    5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
  ]);
});

test('another life of the stream is told with 112, backwards from the beginning is a bad request', async () => {
  const { history } = await reading(2);
  expect((await history({ limit: 1, since: { offset: 1, epoch: 'otherone' } })).error?.code).toBe(
    112,
  );
  expect((await history({ limit: 1, since: { offset: 0 }, reverse: true })).error?.code).toBe(107);
  const { epoch } = (await history({})).history ?? {};
  expect((await history({ limit: 1, since: { offset: 1, epoch } })).history).toBeDefined();
});

test('one reply holds so many publications as the limits allow, and the next one goes on', async () => {
  const { offsets } = await reading(8, { maxHistoryPublications: 3 });
  expect(await offsets({ limit: -1 })).toEqual([1, 2, 3]);
  expect(await offsets({ limit: -1, since: { offset: 3 } })).toEqual([4, 5, 6]);
  const small = await reading(8, { maxRecoveryBytes: 350 });
  expect(await small.offsets({ limit: -1 })).toEqual([1, 2, 3]);
});

test('what is kept for recovery alone cannot be read, nor what the rule does not let the client into', async () => {
  const { server, ada } = await reading(1);
  const code = async (id: number, channel: string, client = ada) =>
    (await client.ask(id, { history: { channel, limit: 1 } })).error?.code;
  expect(await code(10, 'kept:1')).toBe(108);
  expect(await code(11, 'none:1')).toBe(108);
  expect(await code(12, '@all')).toBe(103);
  expect(await code(13, 'absent:1')).toBe(103);
  const ben = await connected(server, 'acme/ben');
  expect(await code(2, 'chat:1', ben)).toBe(103);
});

test("a neighbour's room of the same name has a past of its own", async () => {
  const { server } = await reading(3);
  const ada = await connected(server, 'globex/ada');
  const { history } = await ada.ask(2, { history: { channel: 'chat:1', limit: -1 } });
  expect(history).toMatchObject({ publications: [], offset: 0 });
});
