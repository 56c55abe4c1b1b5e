import { EventEmitter, once } from 'node:events';
import { Controller, Get, Injectable } from '@nestjs/common';
import {
  currentPrincipal,
  OnCall,
  runAs,
  runAsPlatform,
  TenantRequiredError,
  WebSocketModule,
  WebSocketService,
} from '@trunkline/nestjs';
import { describe, expect, test } from 'vitest';
import {
  ada,
  cleo,
  connected,
  moduleOptions,
  platforms,
  RecordingBroker,
  serveApp,
  testingModule,
} from './harness.ts';

const event = { type: 'note', data: null };

/** Work that somebody hands over, and that is done later, by what was set up when the app started. */
@Injectable()
class Mailbox {
  readonly emitter = new EventEmitter();
  readonly #handedOver: (() => Promise<unknown>)[] = [];
  readonly #timer = setInterval(() => this.#work(), 1);
  readonly outcomes: unknown[] = [];

  constructor(webSocketService: WebSocketService) {
    this.emitter.on('letter', () => {
      void this.#note(() => webSocketService.sendToUser('42', event));
    });
  }

  /** The timer's own context is the app's start: nobody. */
  inTimer(work: () => Promise<unknown>): void {
    this.#handedOver.push(work);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #work(): void {
    for (const work of this.#handedOver.splice(0)) void this.#note(work);
  }

  async #note(work: () => Promise<unknown>): Promise<void> {
    const outcome = await work().catch((error: unknown) => error);
    this.outcomes.push(outcome);
    this.emitter.emit('noted');
  }
}

const whatToWrite =
  /forTenant\(tenantId\)\.sendToUser\(…\).*\{ tenantId \}.*runAs\(principal, …\).*a timer or an event emitter/;

async function start() {
  const broker = new RecordingBroker();
  const module = WebSocketModule.forRoot(moduleOptions({ broker }));
  const testing = await testingModule(module).compile();
  const service = testing.get(WebSocketService);
  const mailbox = new Mailbox(service);
  return { broker, service, mailbox, close: () => (mailbox.close(), testing.close()) };
}

describe('losing the context is an error that says what to write', () => {
  test('in a timer that was set up outside', async () => {
    const { broker, service, mailbox, close } = await start();
    const noted = once(mailbox.emitter, 'noted');
    runAs(ada, () => mailbox.inTimer(() => service.sendToUser('42', event)));
    await noted;
    expect(mailbox.outcomes).toEqual([expect.any(TenantRequiredError)]);
    expect((mailbox.outcomes[0] as Error).message).toMatch(whatToWrite);
    expect(broker.published).toEqual([]);
    await close();
  });

  test('in a listener of an emitter that is fed from outside, wherever it was added', async () => {
    const { broker, service, mailbox, close } = await start();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    runAs(ada, () =>
      mailbox.emitter.once('row-changed', () => {
        resolve(service.sendToUser('42', event).catch((error: unknown) => error));
      }),
    );
    mailbox.inTimer(async () => mailbox.emitter.emit('row-changed'));
    const error = await promise;
    expect(error).toBeInstanceOf(TenantRequiredError);
    expect((error as Error).message).toMatch(whatToWrite);
    expect(broker.published).toEqual([]);
    await close();
  });

  test('and with what it says, it works: forTenant, the option, runAs', async () => {
    const { broker, service, mailbox, close } = await start();
    const works = [
      () => service.forTenant('acme').sendToUser('42', event),
      () => service.sendToUser('42', event, { tenantId: 'acme' }),
      () => runAs(ada, () => service.sendToUser('42', event)),
      () => runAsPlatform(() => service.forTenant('acme').sendToUser('42', event)),
    ];
    for (const work of works) {
      const noted = once(mailbox.emitter, 'noted');
      mailbox.inTimer(work);
      await noted;
    }
    expect(broker.published.map(({ channel }) => channel)).toEqual(works.map(() => 't.acme:u:42'));
    await close();
  });

  test('what is emitted inside a context keeps it, also for listeners from outside', async () => {
    const { broker, mailbox, close } = await start();
    const noted = once(mailbox.emitter, 'noted');
    runAs(cleo, () => mailbox.emitter.emit('letter'));
    await noted;
    expect(broker.published.map(({ channel }) => channel)).toEqual(['t.globex:u:42']);
    await close();
  });
});

describe.each(platforms)('on %s', (platform) => {
  @Injectable()
  class NoteCalls {
    constructor(private readonly webSocketService: WebSocketService) {}

    @OnCall('later')
    async later() {
      return await later(this.webSocketService);
    }
  }

  @Controller()
  class NoteController {
    constructor(private readonly webSocketService: WebSocketService) {}

    @Get('later')
    async later() {
      return { principal: await later(this.webSocketService) };
    }
  }

  /** What is started, also with a timer, belongs to who started it. */
  async function later(service: WebSocketService): Promise<string | undefined> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await Promise.all([
      service.sendToUser('42', event),
      new Promise((resolve) => setImmediate(() => resolve(service.sendToRoom('chat:1', event)))),
    ]);
    return currentPrincipal()?.userId;
  }

  test('requests and calls of two tenants at once each keep their own', async () => {
    const broker = new RecordingBroker();
    const extras = { providers: [NoteCalls], controllers: [NoteController] };
    const app = await serveApp(platform, { broker }, extras);
    const [adaClient, cleoClient] = [await connected(app, 'ada'), await connected(app, 'cleo')];
    const rounds = Array.from({ length: 10 }, async () => {
      const answers = await Promise.all([
        adaClient.rpc('later', null),
        cleoClient.rpc('later', null),
        app.request('/later', 'ada'),
        app.request('/later', 'cleo'),
      ]);
      const [one, other, third, fourth] = answers;
      expect([one.data, other.data]).toEqual(['ada', 'cleo']);
      expect([third.body, fourth.body]).toEqual([{ principal: 'ada' }, { principal: 'cleo' }]);
    });
    await Promise.all(rounds);
    const counts = Map.groupBy(broker.published, ({ channel }) => channel);
    expect(Object.fromEntries([...counts].map(([name, { length }]) => [name, length]))).toEqual({
      't.acme:c:chat:1': 20,
      't.acme:u:42': 20,
      't.globex:c:chat:1': 20,
      't.globex:u:42': 20,
    });
  });
});
