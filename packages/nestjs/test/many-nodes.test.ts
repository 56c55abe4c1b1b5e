// Several applications that share a broker: what one of them does to users holds on all of them.
import { WebSocketModule, WebSocketService } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { expect, onTestFinished, test } from 'vitest';
import { SharedMemory } from '../../server/test/shared-memory.ts';
import { ada, connected, next, serveApp, type TestApp, testingModule } from './harness.ts';
import { embeddedDatabase, serveOperations } from './operations-harness.ts';

const rooms = { 'chat:*': { authorize: () => true, presence: true } };
const disk = embeddedDatabase();

/** Two applications, and a worker without sockets beside them. */
async function startThree(changes: Parameters<typeof serveApp>[1] = {}) {
  const memory = new SharedMemory();
  const serve = async () =>
    await serveApp('express', { rooms, ...changes, broker: memory.broker() });
  const apps: [TestApp, TestApp] = [await serve(), await serve()];
  const module = WebSocketModule.forRoot({
    ...{ listen: false, broker: memory.broker(), rooms },
    ...{ log: { info: () => {}, warn: () => {}, error: () => {} }, audit: { record: () => {} } },
  });
  const worker = await testingModule(module).compile();
  await worker.init();
  onTestFinished(() => worker.close());
  const acme = worker.get(WebSocketService).forTenant('acme');
  return { apps, acme, clients: await Promise.all(apps.map((app) => connected(app, 'ada'))) };
}

test('a worker without sockets puts users into rooms, and out of them, wherever they are connected', async () => {
  const { clients, acme } = await startThree();
  const joined = clients.map((client) => next<{ channel: string }>(client, 'subscribed'));
  await acme.joinRoom('ada', 'chat:1');
  for (const { channel } of await Promise.all(joined)) expect(channel).toBe('chat:1');
  expect(await acme.presence('chat:1')).toMatchObject([{ userId: 'ada' }]);
  const left = clients.map((client) => next<{ channel: string }>(client, 'unsubscribed'));
  await acme.leaveRoom('ada', 'chat:1');
  for (const { channel } of await Promise.all(left)) expect(channel).toBe('chat:1');
  await expect.poll(() => acme.presence('chat:1')).toEqual([]);
});

test('a worker without sockets disconnects users, and everybody of a tenant', async () => {
  const { apps, clients, acme } = await startThree();
  const ended = clients.map((client) => next<{ code: number }>(client, 'disconnected'));
  await acme.disconnectUser('ada', { reason: 'left the company' });
  expect(await Promise.all(ended)).toMatchObject([{ code: 3503 }, { code: 3503 }]);
  const again = await connected(apps[1], 'ada');
  const other = await connected(apps[1], 'cleo');
  const out = next<{ code: number }>(again, 'disconnected');
  await acme.disconnectTenant();
  expect(await out).toMatchObject({ code: 3503 });
  expect(other.state).toBe('connected');
});

test('a worker without sockets has permissions asked again wherever their user is connected', async () => {
  let roles = ['admins'];
  const reauthorize = (principal: Principal) => ({ ...principal, roles });
  const { clients, acme } = await startThree({ reauthorize });
  const left = clients.map((client) => next<{ channel: string }>(client, 'unsubscribed'));
  roles = [];
  await acme.refreshPermissions('ada');
  for (const { channel } of await Promise.all(left)) expect(channel).toBe('@role:admins');
});

test('an operation that is cancelled in one process stops at once in the one where it runs', async () => {
  const memory = new SharedMemory();
  // Of one embedded database each process would be the only one.
  const database = Object.create(disk.database, { isExclusive: { value: false } });
  const serve = async () =>
    await serveOperations('express', { database }, { broker: memory.broker() });
  const [owner, other] = [await serve(), await serve()];
  const since = performance.now();
  for (let n = 0; n < 4; n += 1) {
    const begun = Promise.withResolvers<AbortSignal>();
    const aborted = Promise.withResolvers<void>();
    const { id } = await owner.operations.start('import', { as: ada }, async ({ signal }) => {
      begun.resolve(signal);
      signal.addEventListener('abort', () => aborted.resolve());
      await aborted.promise;
      signal.throwIfAborted();
    });
    await begun.promise;
    await other.operations.cancel(id, { as: ada });
    await aborted.promise;
    const ended = await other.operations.wait(id, { as: ada });
    expect(ended.state).toBe('cancelled');
  }
  // without a word from the other process each would take a second
  expect(performance.now() - since).toBeLessThan(2_500);
});

test.each([[{ id: 1 }], ['drop table'], [null]])(
  'a hint about operations that is none (%j) is refused',
  async (data) => {
    const memory = new SharedMemory();
    const eve = memory.broker();
    const warned: string[] = [];
    const log = { info: () => {}, warn: (what: string) => void warned.push(what), error: () => {} };
    const options = { broker: memory.broker(), log };
    await serveOperations('express', { database: disk.database }, options);
    await eve.start({ onPublication: () => {} });
    onTestFinished(() => eve.stop());
    const notice = JSON.stringify({ type: 'notice', from: 'eve', kind: 'operation', data });
    await eve.publish('!control', notice, { history: null });
    await expect.poll(() => warned).toContain('cluster_message_refused');
  },
);
