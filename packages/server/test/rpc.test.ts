import { ProtocolError, type RpcHandlers } from '@trunkline/server';
import { describe, expect, test } from 'vitest';
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
    'limit_exceeded',
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

describe('methods of other packages of Trunkline', () => {
  test('are answered as the caller, and the errors are theirs', async () => {
    const server = await serve({});
    const { ownMethods } = server.node;
    ownMethods.answer('trunkline:who', ({ userId, realm }, data, { clientId }) => {
      if (data === 'no') throw new ProtocolError(409, 'not now');
      if (data === 'oops') throw new Error('database password is hunter2');
      return { userId, realm, data, isClient: clientId !== '' };
    });
    const client = await connected(server, 'acme/ada');
    const ask = async (id: number, data: unknown) =>
      await client.ask(id, { rpc: { method: 'trunkline:who', data } });
    expect((await ask(2, { any: 1 })).rpc?.data).toEqual({
      userId: 'ada',
      realm: acme,
      data: { any: 1 },
      isClient: true,
    });
    expect((await ask(3, 'no')).error).toEqual({ code: 409, message: 'not now' });
    expect((await ask(4, 'oops')).error?.code).toBe(100);
    expect(client.frames.join()).not.toContain('hunter2');
  });

  test('have the time of a hook', async () => {
    const server = await serve({ limits: { hookTimeoutMs: 50 } });
    server.node.ownMethods.answer('trunkline:hang', async () => await new Promise(() => {}));
    const client = await connected(server, 'acme/ada');
    expect((await client.ask(2, { rpc: { method: 'trunkline:hang' } })).error?.code).toBe(100);
  });

  test('that nobody answers are 104', async () => {
    const client = await connected(await serve({}), 'acme/ada');
    expect((await client.ask(2, { rpc: { method: 'trunkline:who' } })).error?.code).toBe(104);
  });

  test('have one answer each, and no name that is an app’s', async () => {
    const { ownMethods } = (await serve({})).node;
    ownMethods.answer('trunkline:one', () => 1);
    for (const method of ['trunkline:one', 'trunkline:presence', 'trunkline:typing']) {
      expect(() => ownMethods.answer(method, () => 2)).toThrow(/have an answer already/);
    }
    expect(() => ownMethods.answer('chat:one', () => 2)).toThrow(/Only methods "trunkline:…"/);
  });

  test('that change something are refused for the tenant’s bytes before it is done, never after', async () => {
    const limits = { fanOutBytesPerSecond: 1, fanOutBurstBytes: 100 };
    const server = await serve({ limits });
    const { ownMethods } = server.node;
    const gate = Promise.withResolvers<void>();
    let changes = 0;
    const change = async () => {
      changes += 1;
      await gate.promise;
      return 'changed';
    };
    ownMethods.answer('trunkline:change', change, { hasEffect: true });
    ownMethods.answer('trunkline:read', () => 'x'.repeat(200));
    const client = await connected(server, 'acme/ada');
    client.send({ id: 2, rpc: { method: 'trunkline:change' } });
    const other = await connected(server, 'acme/bob');
    expect((await other.ask(2, { rpc: { method: 'trunkline:read' } })).rpc).toBeDefined();
    gate.resolve(); // the bytes are used up now
    expect((await client.reply(2)).rpc?.data).toBe('changed');
    const refused = await client.ask(3, { rpc: { method: 'trunkline:change' } });
    expect(refused.error).toMatchObject({ code: 111, temporary: true });
    expect(changes).toBe(1);
  });

  test('say nothing that was meant for a role that is gone meanwhile', async () => {
    const gate = Promise.withResolvers<string>();
    let roles = ['admins'];
    const server = await serve({ reauthorize: (principal) => ({ ...principal, roles }) });
    server.node.ownMethods.answer('trunkline:slow', async () => await gate.promise);
    const client = await connected(server, 'acme/ada');
    await server.node.users.refreshPermissions({ realm: acme, userId: 'ada' });
    client.send({ id: 2, rpc: { method: 'trunkline:slow' } });
    await client.ask(3, { rpc: { method: 'trunkline:none' } });
    roles = [];
    await server.node.users.refreshPermissions({ realm: acme, userId: 'ada' });
    gate.resolve('for admins');
    expect((await client.reply(2)).error).toMatchObject({ code: 100, temporary: true });
  });
});
