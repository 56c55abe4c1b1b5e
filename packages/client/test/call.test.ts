import { CallError } from '@trunkline/client';
import { tenantRealm } from '@trunkline/contract';
import { expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();

/** What a call comes to: its answer, or its error. */
async function outcomeOf(calling: Promise<unknown>): Promise<unknown> {
  try {
    return await calling;
  } catch (error) {
    return error;
  }
}

test('a call has its answer', async () => {
  const { client } = connectAs(page, '42');
  page.server.calls['chat:rename'] = (data, caller) => ({ ...data, by: caller.userId });
  // it waits for the connection
  const answer = client.call<{ name: string; by: string }>('chat:rename', { name: 'Lunch' });
  await pass();
  expect(await answer).toEqual({ name: 'Lunch', by: '42' });
});

test('a call without data, and an answer without any', async () => {
  const { client } = connectAs(page, '42');
  const seen = vi.fn<(data: unknown) => void>();
  page.server.calls['app:ping'] = seen;
  const answer = client.call('app:ping');
  await pass();
  expect(await answer).toBeUndefined();
  expect(seen.mock.calls).toEqual([[undefined, expect.anything()]]);
});

test.each([
  [400, 'bad-argument'],
  [107, 'bad-argument'],
  [401, 'forbidden'],
  [403, 'forbidden'],
  [103, 'forbidden'],
  [404, 'not-found'],
  [108, 'not-found'],
  [111, 'too-many'],
  [429, 'too-many'],
  [100, 'failed'],
  [409, 'failed'],
])('the server answers %i: %s', async (code, reason) => {
  const { client } = connectAs(page, '42');
  page.server.calls['app:fail'] = () => {
    throw new CallError(code, 'email: expected a string');
  };
  const outcome = outcomeOf(client.call('app:fail'));
  await pass();
  expect(await outcome).toMatchObject({
    name: 'CallError',
    message: 'email: expected a string',
    code,
    reason,
  });
});

test('a method that does not exist', async () => {
  const { client } = connectAs(page, '42');
  const outcome = outcomeOf(client.call('app:nothing'));
  await pass();
  expect(await outcome).toMatchObject({
    reason: 'not-found',
    code: 104,
  });
});

const circular: Record<string, unknown> = {};
circular['self'] = circular;

test.each([[circular], [{ amount: 1n }]])('what is no JSON is not sent', async (data) => {
  const { client } = connectAs(page, '42');
  await pass();
  const frames = page.server.frames.length;
  await expect(client.call('app:take', data)).rejects.toMatchObject({
    reason: 'bad-argument',
    message: expect.stringContaining('cannot be sent as JSON'),
  });
  expect(page.server.frames).toHaveLength(frames);
  expect(client.state.get().status).toBe('live');
});

test('no answer in time', async () => {
  const { client } = connectAs(page, '42');
  await pass();
  page.server.isDeaf = true;
  const outcome = outcomeOf(client.call('app:slow'));
  await pass(5500);
  expect(await outcome).toMatchObject({ reason: 'timeout' });
});

test('no connection in time', async () => {
  page.server.isUp = false;
  const { client } = connectAs(page, '42');
  const outcome = outcomeOf(client.call('app:any'));
  await pass(5000);
  expect(await outcome).toMatchObject({
    reason: 'disconnected',
    message: 'Not connected to the server.',
  });
});

test('the connection goes while the answer is awaited', async () => {
  const { client } = connectAs(page, '42');
  await pass();
  page.server.calls['app:slow'] = async () => await new Promise(() => {});
  const outcome = outcomeOf(client.call('app:slow'));
  await pass();
  page.server.drop();
  expect(await outcome).toMatchObject({
    reason: 'disconnected',
  });
});

test('a connection that has ended takes no calls', async () => {
  page.server.answer = { close: 3500 };
  const { client } = connectAs(page, '42');
  await pass();
  await expect(client.call('app:any')).rejects.toMatchObject({ reason: 'disconnected' });
});

test('an answer to a page that is somebody else’s by now is not handed over', async () => {
  const lease = connectAs(page, '42');
  await pass();
  const answered = Promise.withResolvers<string>();
  page.server.calls['app:secret'] = async () => await answered.promise;
  const outcome = outcomeOf(lease.client.call('app:secret'));
  await pass();
  answered.resolve('of 42');
  page.server.answer = { userId: '7' };
  lease.release();
  connectAs(page, '7');
  await pass();
  expect(await outcome).toMatchObject({
    reason: 'disconnected',
  });
});

test('a call that waits for a connection is not made in another realm', async () => {
  const { client } = connectAs(page, '42');
  await pass();
  const called = vi.fn<(data: unknown) => unknown>();
  page.server.calls['app:any'] = called;
  page.server.answer = { userId: '42', realm: tenantRealm('globex') };
  page.server.drop();
  const outcome = outcomeOf(client.call('app:any', { of: 'acme' }));
  await pass(4000);
  expect(client.state.get()).toMatchObject({ status: 'live', identity: { userId: '42' } });
  expect(await outcome).toMatchObject({ reason: 'disconnected' });
  expect(called).not.toHaveBeenCalled();
});

test('revoked: 3503 ends the connection like a refused login', async () => {
  const { client } = connectAs(page, '42');
  await pass();
  page.server.drop(3503, 'force disconnect');
  expect(client.state.get()).toMatchObject({ status: 'auth-failed', isConnected: false });
  await pass(600_000);
  expect(page.server.connects).toHaveLength(1);
});
