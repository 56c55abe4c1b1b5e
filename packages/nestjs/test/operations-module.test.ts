// The module: how it is set up, what it refuses, and how it is stopped.
import {
  type BeforeApplicationShutdown,
  Injectable,
  Module,
  type OnModuleInit,
} from '@nestjs/common';
import {
  currentPrincipal,
  defineOperation,
  Operation,
  Operations,
  OperationsModule,
  type OperationsModuleOptions,
  type Runner,
  runAs,
  WebSocketModule,
} from '@trunkline/nestjs';
import type { Broker } from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  ada,
  freePort,
  moduleOptions,
  next,
  platforms,
  readyz,
  serveApp,
  testingModule,
} from './harness.ts';
import { bob, embeddedDatabase, gated, listening, serveOperations } from './operations-harness.ts';

const store = embeddedDatabase();
const websockets = () => WebSocketModule.forRoot(moduleOptions());

describe('setting it up', () => {
  test('a service anywhere in the app has the operations injected', async () => {
    @Injectable()
    class ReportService {
      constructor(private readonly operations: Operations) {}

      async report() {
        return await this.operations.run('report', {}, () => currentPrincipal()?.userId);
      }
    }
    @Module({ imports: [OperationsModule], providers: [ReportService] })
    class ReportsModule {}
    const app = await serveOperations(
      'express',
      { database: store.database },
      {},
      { imports: [ReportsModule] },
    );
    expect(await runAs(bob, () => app.app.get(ReportService).report())).toBe('bob');
    expect(app.operations).toBeInstanceOf(Operations);
  });

  test('a factory builds the options from other providers; the routes stand beside it', async () => {
    @Injectable()
    class Storage {
      readonly database = store.database;
    }
    @Module({ providers: [Storage], exports: [Storage] })
    class StorageModule {}
    const async = OperationsModule.forRootAsync({
      imports: [StorageModule],
      inject: [Storage],
      useFactory: async ({ database }: Storage) => await Promise.resolve({ database }),
      http: { path: 'jobs' },
    });
    const app = await serveApp('express', {}, { imports: [async] });
    expect((await app.request('/jobs', 'ada')).status).toBe(200);
    expect((await app.request('/operations', 'ada')).status).toBe(404);
  });

  test('two applications beside each other keep their operations, routes and handlers apart', async () => {
    const reindex = defineOperation('reindex');
    const options = { database: store.database };
    const one = await serveOperations(
      'express',
      { ...options, http: { start: [reindex] } },
      {},
      { handlers: (operations) => void operations.handle(reindex, () => 1) },
    );
    const two = await serveOperations('fastify', { ...options, http: { path: 'jobs' } });
    two.operations.handle(reindex, () => 2);
    const post = { method: 'POST', body: { type: 'reindex' } };
    expect((await one.ask('/operations', 'bob', post)).status).toBe(202);
    expect((await two.ask('/jobs', 'bob', post)).status).toBe(404);
    expect((await two.ask('/operations', 'bob')).status).toBe(404);
  });
});

describe('what is refused at boot', () => {
  const refusedAs = async (...imports: unknown[]) =>
    await testingModule(...imports)
      .compile()
      .then(
        () => 'it was not',
        (error: Error) => `${error.name}: ${error.message}`,
      );

  test('no WebSocketModule.forRoot', async () => {
    const { database } = store;
    expect(await refusedAs(OperationsModule.forRoot({ database }))).toMatch(
      /^ConfigurationError: OperationsModule .*write WebSocketModule\.forRoot\(/,
    );
  });

  test('forRoot twice, with the modules that call it', async () => {
    const { database } = store;
    @Module({ imports: [OperationsModule.forRoot({ database })] })
    class OneModule {}
    @Module({ imports: [OperationsModule.forRoot({ database })] })
    class TwoModule {}
    expect(await refusedAs(websockets(), OneModule, TwoModule)).toBe(
      "ConfigurationError: OperationsModule.forRoot was called 2 times, in OneModule and TwoModule: call it once, in the app's module",
    );
  });

  test.each<[string, object]>([
    ['no database', {}],
    ['a client that is none', { database: { query: () => {}, transaction: () => {} } }],
  ])('%s', async (_, options) => {
    const module = OperationsModule.forRoot(options as OperationsModuleOptions);
    expect(await refusedAs(websockets(), module)).toBe(
      'ConfigurationError: OperationsModule.forRoot needs database: fromPg(pool) or fromPglite(client)',
    );
  });

  test('http from the factory, and no factory', async () => {
    const useFactory = () => ({ database: store.database, http: false as const });
    const module = OperationsModule.forRootAsync({ useFactory });
    expect(await refusedAs(websockets(), module)).toMatch(
      /^ConfigurationError: The option http .* stands beside useFactory/,
    );
    expect(() => OperationsModule.forRootAsync({})).toThrow(/needs useFactory/);
  });

  test.each([-1, 2_001, Number.NaN])('a grace of %d ms, with a drain of 2 s', async (grace) => {
    const { database } = store;
    const module = OperationsModule.forRoot({ database, shutdownGraceMs: grace });
    expect(await refusedAs(websockets(), module)).toBe(
      `ConfigurationError: shutdownGraceMs is a number from 0 to the drain.deadlineMs of WebSocketModule (2000), which it is part of, got ${grace}`,
    );
  });

  test('what clients may start, and nobody does', async () => {
    const start = [defineOperation('reindex'), defineOperation('report')];
    const module = OperationsModule.forRoot({ database: store.database, http: { start } });
    const testing = await testingModule(websockets(), module).compile();
    const app = testing.createNestApplication({ logger: false });
    onTestFinished(() => app.close());
    testing.get(Operations).handle(defineOperation('report'), () => 1);
    await expect(app.init()).rejects.toThrow(
      /^http\.start opens reindex to clients, and nobody does that work/,
    );
  });

  test('a limit that there is not', async () => {
    const limits = { maxActive: 5 } as object;
    const module = OperationsModule.forRoot({ database: store.database, limits });
    expect(await refusedAs(websockets(), module)).toMatch(/There is no limit maxActive/);
  });
});

test('durable work begins when all modules are ready for it, whoever registers its handler', async () => {
  const order: string[] = [];
  const runner = new HangingRunner((type) => order.push(`takes ${type}`));
  @Injectable()
  class SlowService implements OnModuleInit {
    async onModuleInit() {
      await new Promise(setImmediate);
      order.push('is ready');
    }

    @Operation(defineOperation('report'))
    async report() {
      return await Promise.resolve(1);
    }
  }
  const testing = testingModule(
    WebSocketModule.forRoot(moduleOptions({ drain: { deadlineMs: 200 } })),
    OperationsModule.forRoot({ database: store.database, runner }),
    { module: class SlowModule {}, providers: [SlowService] },
  );
  const compiled = await testing.compile();
  const operations = compiled.get(Operations);
  operations.handle(defineOperation('reindex'), () => 1);
  const app = compiled.createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  await app.init();
  expect(order).toEqual(['is ready', 'takes reindex', 'takes report']);
  operations.handle(defineOperation('export'), () => 1);
  expect(order.at(-1)).toBe('takes export');
});

describe.each(platforms)('a shutdown on %s', (platform) => {
  test('lets work end that can in time, then tells of the rest, and only then says good-bye', async () => {
    const broker: Broker = new SlowBroker({ random: () => 1, maxDelayMs: 20 });
    const drain = { waitMs: 0, spreadMs: 0, deadlineMs: 2_000 };
    const options = { database: store.database, shutdownGraceMs: 1_000 };
    const app = await serveOperations(platform, options, { broker, drain });
    const { client, events } = await listening(app, 'bob');
    const order: string[] = [];
    client.on('publication', ({ data: { type, data } }) => {
      if (type !== 'operation:progress') order.push(`${data.operationType} ${data.state}`);
    });
    client.on('connecting', ({ code }) => {
      order.push(`closed ${code}`);
      client.disconnect();
    });
    const gone = next(client, 'disconnected');
    const reasons: string[] = [];
    const quick = gated();
    await runAs(bob, async () => {
      await app.operations.start('quick', {}, quick.work);
      await app.operations.start('slow', {}, async ({ signal }) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        reasons.push((signal.reason as Error).name);
      });
    });
    const closing = app.app.close();
    quick.end(null);
    await Promise.all([closing, gone]);
    expect(order).toEqual(['quick succeeded', 'slow crashed', 'closed 3001']);
    expect(reasons).toEqual(['ShutdownError']);
    const crashed = events.findLast(({ type }) => type === 'operation:error');
    expect(crashed?.data['error']).toMatchObject({
      code: 'crashed',
      message: 'The server was stopped',
    });
  });
});

test('a shutdown sends newcomers elsewhere from its beginning, not behind what may still end', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  @Injectable()
  class SlowService implements BeforeApplicationShutdown {
    async beforeApplicationShutdown() {
      await readyz(url, 503); // before any of it
    }
  }
  const drain = { waitMs: 0, spreadMs: 0, deadlineMs: 60_000 };
  const options = { database: store.database, shutdownGraceMs: 50_000 };
  const changes = { drain, monitoring: { port } };
  const app = await serveOperations('express', options, changes, { providers: [SlowService] });
  const listener = await listening(app, 'bob');
  const gate = gated();
  await runAs(bob, () => app.operations.start('export', {}, gate.work));
  const closing = app.app.close();
  const draining = await readyz(url, 503);
  expect(await draining.text()).toBe('draining');
  gate.end(null);
  const { type } = await listener.next(({ data }) => data['state'] !== 'running');
  expect(type).toBe('operation:complete');
  listener.client.disconnect();
  await closing;
});

test('a shutdown leaves behind what hangs when its time is over, and says so', async () => {
  const errors: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (message: string) => errors.push(message) };
  const drain = { waitMs: 0, spreadMs: 0, deadlineMs: 500 };
  const options = { database: store.database, runner: new HangingRunner() };
  const app = await serveOperations('express', options, { drain, log });
  const { client } = await listening(app, 'ada');
  const gone = next(client, 'connecting');
  await app.app.close();
  await gone;
  expect(errors).toEqual(['shutdown_task_failed']);
});

/** A queue that never comes to its end. */
class HangingRunner implements Runner {
  readonly name = 'bullmq';
  readonly isTransactional = false;
  readonly #onWork: (type: string) => void;

  constructor(onWork: (type: string) => void = () => {}) {
    this.#onWork = onWork;
  }

  async start() {}

  async work(type: string) {
    this.#onWork(type);
    await Promise.resolve();
  }

  async enqueue() {}

  async stop() {
    await new Promise<never>(() => {});
  }
}

test('a shutdown comes to its end when the database is away', async () => {
  let isAway = false;
  const guarded = <T>(work: () => Promise<T>) =>
    isAway ? Promise.reject(new Error('connect ECONNREFUSED')) : work();
  const database: OperationsModuleOptions['database'] = {
    isExclusive: false,
    query: (text, parameters) => guarded(() => store.database.query(text, parameters)),
    transaction: (work) => guarded(() => store.database.transaction(work)),
  };
  const app = await serveOperations('express', { database });
  const { client } = await listening(app, 'ada');
  await runAs(ada, () => app.operations.start('slow', {}, () => new Promise(() => {})));
  const gone = next<{ code: number }>(client, 'connecting');
  isAway = true;
  await app.app.close();
  expect((await gone).code).toBe(3001);
});
