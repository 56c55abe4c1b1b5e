import { ProtocolError, type RpcHandlers } from '@trunkline/server';
import { expect, test } from 'vitest';
import { acme, connected, serve } from './harness.ts';

const rpc: RpcHandlers = {
  sum: (_principal, data) => (data as number[]).reduce((sum, n) => sum + n, 0),
  whoami: async (principal, _data, { clientId }) => ({ user: principal.userId, clientId }),
  nothing: () => undefined,
  refuse: () => {
    throw new ProtocolError(1404, 'no such chat');
  },
  fail: () => {
    throw new Error('database password is hunter2');
  },
  hang: async () => await new Promise<never>(() => {}),
  cycle: () => {
    const ring: { self?: object } = {};
    ring.self = ring;
    return ring;
  },
};

async function calling() {
  const server = await serve({ rpc, limits: { hookTimeoutMs: 50 } });
  const client = await connected(server, 'acme/ada');
  return { server, client };
}

test('a call is answered with what its handler returns, and without data when that is nothing', async () => {
  const { client } = await calling();
  expect(await client.ask(2, { rpc: { method: 'sum', data: [1, 2, 3] } })).toEqual({
    id: 2,
    rpc: { data: 6 },
  });
  expect(await client.ask(3, { rpc: { method: 'nothing' } })).toEqual({ id: 3, rpc: {} });
  const { rpc: who } = await client.ask(4, { rpc: { method: 'whoami' } });
  const welcome = client.lines.find(({ connect }) => connect);
  expect(who?.data).toEqual({ user: 'ada', clientId: welcome?.connect?.client });
});

test("the app's own errors reach the client as they are, everything else as 100 and in the log", async () => {
  const { server, client } = await calling();
  expect((await client.ask(2, { rpc: { method: 'refuse' } })).error).toEqual({
    code: 1404,
    message: 'no such chat',
  });
  for (const [index, method] of ['fail', 'hang', 'cycle'].entries()) {
    const { error } = await client.ask(3 + index, { rpc: { method } });
    expect(error).toEqual({ code: 100, message: 'internal server error', temporary: true });
  }
  expect(client.frames.join()).not.toContain('hunter2');
  expect(server.log.records.map(({ message }) => message)).toEqual([
    'hook_failed',
    'hook_failed',
    'command_failed',
  ]);
  expect(await client.ask(9, { rpc: { method: 'sum', data: [1] } })).toHaveProperty('rpc');
});

test('a method that nobody handles gets 104, inherited ones too', async () => {
  const { client } = await calling();
  for (const [index, method] of ['other', '', 'toString', 'constructor'].entries()) {
    expect((await client.ask(index + 2, { rpc: { method } })).error?.code).toBe(104);
  }
});

test('calls are answered as they finish, side by side', async () => {
  const gate = Promise.withResolvers<string>();
  const handlers: RpcHandlers = { slow: async () => await gate.promise, fast: () => 'fast' };
  const server = await serve({ rpc: handlers });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, rpc: { method: 'slow' } });
  await client.ask(3, { rpc: { method: 'fast' } });
  gate.resolve('slow');
  await client.reply(2);
  expect(client.lines.slice(1).map(({ id }) => id)).toEqual([3, 2]);
});

test('two commands under way with one id cannot be told apart: 3501', async () => {
  const { client } = await calling();
  client.send({ id: 2, rpc: { method: 'hang' } }, { id: 2, rpc: { method: 'hang' } });
  expect(await client.closed()).toBe(3501);
});

test('an id that has been answered can be used again', async () => {
  const { client } = await calling();
  for (let n = 0; n < 3; n += 1) {
    client.send({ id: 2, rpc: { method: 'sum', data: [n] } });
    const { id } = await client.line(({ rpc: answer }) => answer?.data === n);
    expect(id).toBe(2);
  }
});

test('a send reaches the app, with no answer, and fails nothing when it fails', async () => {
  const got = Promise.withResolvers<unknown>();
  const server = await serve({
    onSend: (principal, data) => {
      if (data === 'bad') throw new Error('cannot');
      got.resolve([principal.userId, principal.realm, data]);
    },
    rpc,
  });
  const client = await connected(server, 'acme/ada');
  client.send({ send: { data: 'bad' } }, { send: { data: { typing: true } } });
  expect(await got.promise).toEqual(['ada', acme, { typing: true }]);
  expect(await client.ask(2, { rpc: { method: 'sum', data: [] } })).toHaveProperty('rpc');
  expect(client.lines).toHaveLength(2);
  expect(server.node.stats().counts.hooksFailed).toBe(1);
});

test('a send that nobody takes ends the connection with 3508', async () => {
  const { client } = await calling();
  client.send({ send: { data: 1 } });
  expect(await client.closed()).toBe(3508);
});
