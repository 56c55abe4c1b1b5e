// Who hears of an operation, over which channel, and how often pages refresh.
import { REFRESH_EVENT } from '@trunkline/contract';
import { currentPrincipal, type OperationHandle, runAs, WebSocketService } from '@trunkline/nestjs';
import {
  MemoryBroker,
  type PublishOptions,
  RateLimitedError,
  type RpcHandlers,
} from '@trunkline/server';
import { expect, test } from 'vitest';
import { currentContext, runInContext } from '../src/context.ts';
import { ada, RecordingBroker } from './harness.ts';
import {
  bob,
  embeddedDatabase,
  gated,
  type Listener,
  listening,
  type OperationsApp,
  serveOperations,
} from './operations-harness.ts';

const store = embeddedDatabase();
const serve = (changes: object = {}) =>
  serveOperations('express', { database: store.database }, changes);

const WHO = ['ada', 'bob', 'dan', 'cleo', 'eve', 'root'];

/** Runs one operation while everybody listens; who has heard what of it, by channel. */
async function heardOf(app: OperationsApp, options: object) {
  const ears = await Promise.all(
    WHO.map(async (who): Promise<[string, Listener]> => [who, await listening(app, who)]),
  );
  await runAs(bob, () => app.operations.run('export', { refresh: ['rows'], ...options }, () => 1));
  await everythingArrived(app, ears);
  const heard = ears.map(([who, { events }]) => {
    const told = events.filter(({ type }) => type !== 'last');
    // of two channels neither is first
    return [who, told.map(({ type, channel }) => `${type} on ${channel}`).toSorted(byChannel)];
  });
  return { heard: Object.fromEntries(heard) as Record<string, string[]>, ears };
}

function byChannel(one: string, other: string): number {
  return Number(one.endsWith('on @all')) - Number(other.endsWith('on @all'));
}

/** What was published to everybody's channels before is there when a last event is. */
async function everythingArrived(app: OperationsApp, ears: [string, Listener][]) {
  const service = app.app.get(WebSocketService);
  // the end of an operation is told behind its writing
  await expect.poll(() => app.operations.stats.unpublished).toBe(0);
  for (const tenantId of ['acme', 'globex']) {
    // oxlint-disable-next-line no-await-in-loop -- two
    await service.sendToTenant(tenantId, { type: 'last' });
  }
  await service.sendToPlatform({ type: 'last' });
  await Promise.all(ears.map(([, { next }]) => next(({ type }) => type === 'last')));
}

const BEGIN = 'operation:progress';
const END = 'operation:complete';
const SIGNAL = `${REFRESH_EVENT} on @all`;

test('an operation of nobody else is told to its owner; the tenant’s tables are everybody’s', async () => {
  const { heard } = await heardOf(await serve(), {});
  expect(heard).toEqual({
    ada: [SIGNAL],
    bob: [`${BEGIN} on @user`, `${END} on @user`, SIGNAL],
    dan: [SIGNAL],
    cleo: [],
    eve: [],
    root: [],
  });
});

test('one of the tenant is told once to everyone in it', async () => {
  const { heard, ears } = await heardOf(await serve(), { audience: 'tenant' });
  const told = [`${BEGIN} on @all`, `${END} on @all`];
  expect(heard).toEqual({ ada: told, bob: told, dan: told, cleo: [], eve: [], root: [] });
  const [, { events }] = ears[0];
  expect(events.at(-2)).toMatchObject({ type: END, metadata: { tablesToRefresh: ['rows'] } });
});

test('one of roles is told to its owner and to who has one of them; tables are named once', async () => {
  const audience = { roles: ['accounting', 'admins', 'no role: a text'] };
  const { heard, ears } = await heardOf(await serve(), { audience });
  expect(heard).toEqual({
    ada: [`${BEGIN} on @role:admins`, `${END} on @role:admins`, SIGNAL],
    bob: [`${BEGIN} on @user`, `${END} on @user`, SIGNAL],
    dan: [`${BEGIN} on @role:accounting`, `${END} on @role:accounting`, SIGNAL],
    cleo: [],
    eve: [],
    root: [],
  });
  const ends = Object.fromEntries(
    ears.map(([who, { events }]) => [who, events.find(({ type }) => type === END)]),
  );
  expect(ends['bob']?.metadata).toMatchObject({ tablesToRefresh: ['rows'] });
  for (const who of ['ada', 'dan']) {
    expect(ends[who]?.metadata).toEqual({ message: 'Export completed' });
  }
  const signal = ears.find(([who]) => who === 'ada')?.[1].events.find(isSignal);
  expect(signal?.data).toEqual({ tables: ['rows'], cause: ends['bob']?.id });
});

const isSignal = ({ type }: { type: string }) => type === REFRESH_EVENT;

test('an operation of the platform stays there', async () => {
  const app = await serve();
  const ears = await Promise.all(
    WHO.map(async (who): Promise<[string, Listener]> => [who, await listening(app, who)]),
  );
  const staff = { userId: 'root', realm: { kind: 'platform' }, roles: [] } as const;
  await runAs(staff, () => app.operations.run('tenant-creation', { audience: 'tenant' }, () => 1));
  await everythingArrived(app, ears);
  const heard = ears.map(([, { events }]) => events.length - 1);
  expect(heard).toEqual([0, 0, 0, 0, 0, 2]);
});

/** Who acts when something is published? */
class WatchingBroker extends RecordingBroker {
  readonly acting: unknown[] = [];

  override async publish(channel: string, data: string, options: PublishOptions) {
    this.acting.push(currentContext());
    return await super.publish(channel, data, options);
  }
}

test('an update acts for nobody, and names no page as its origin', async () => {
  const broker = new WatchingBroker();
  const rpc: RpcHandlers = { whoami: (_principal, _data, { clientId }) => clientId };
  const app = await serve({ broker, rpc });
  const { client } = await listening(app, 'bob');
  const { data } = await client.rpc('whoami', {});
  const origin = { principal: bob, isPrivileged: false, origin: data as string };
  const work = async (op: OperationHandle) => await op.progress({ stage: 'one' });
  await runInContext(origin, () => app.operations.run('export', { refresh: ['rows'] }, work));
  await expect.poll(() => app.operations.stats.unpublished).toBe(0);
  expect(broker.published.length).toBeGreaterThanOrEqual(4);
  expect(new Set(broker.acting)).toEqual(new Set([undefined]));
  for (const { event } of broker.published) expect(event).not.toHaveProperty('origin');
});

/** A broker that takes nothing for a while. */
class AwayBroker extends MemoryBroker {
  isAway = false;

  override async publish(channel: string, data: string, options: PublishOptions) {
    if (this.isAway) throw new RateLimitedError('away');
    return await super.publish(channel, data, options);
  }
}

test('what the broker has not taken is told when it does, the newest alone', async () => {
  const broker = new AwayBroker();
  const app = await serve({ broker });
  const { events, next } = await listening(app, 'bob');
  broker.isAway = true;
  expect(await runAs(bob, () => app.operations.run('export', {}, () => 'done'))).toBe('done');
  expect(app.operations.stats.unpublished).toBe(1);
  broker.isAway = false;
  await next(({ type }) => type === 'operation:complete');
  expect(events.map(({ type }) => type)).toEqual(['operation:complete']);
});

test('an end whose result is too large for an event is told without it', async () => {
  const app = await serve({ limits: { maxEventBytes: 4_000, warnEventBytes: 4_000 } });
  const { next } = await listening(app, 'bob');
  const { id } = await runAs(bob, () =>
    app.operations.start('export', {}, () => 'x'.repeat(9_000)),
  );
  const { data } = await next(({ type }) => type === 'operation:complete');
  expect(data).toMatchObject({ operationId: id, state: 'succeeded' });
  expect(data).not.toHaveProperty('result');
  expect((await runAs(bob, () => app.operations.get(id))).result).toHaveLength(9_000);
});

test('who acts is known inside the work, also of what an update is told meanwhile', async () => {
  const app = await serve();
  const { next } = await listening(app, 'bob');
  const gate = gated();
  const acting = Promise.withResolvers<string | undefined>();
  const { id } = await runAs(ada, () =>
    app.operations.start('export', { userId: 'bob' }, async (op) => {
      await op.progress({ percentage: 50 });
      acting.resolve(currentPrincipal()?.userId);
      await gate.work();
    }),
  );
  expect(await acting.promise).toBe('ada');
  const { data } = await next(({ data: { percentage } }) => percentage === 50);
  expect(data).toMatchObject({ operationId: id, ownerId: 'bob' });
  gate.end(null);
});
