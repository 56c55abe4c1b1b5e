import { Injectable, Module } from '@nestjs/common';
import {
  ConfigurationError,
  currentPrincipal,
  WebSocketModule,
  WebSocketService,
} from '@trunkline/nestjs';
import { MemoryBroker, type Principal } from '@trunkline/server';
import { State } from 'centrifuge';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { SharedMemory } from '../../server/test/shared-memory.ts';
import {
  ada,
  fromCookie,
  moduleOptions,
  next,
  platforms,
  RecordingBroker,
  startApp,
  type TestApp,
  testingModule,
} from './harness.ts';

let running: TestApp | undefined;
afterEach(async () => {
  await running?.app.close();
  running = undefined;
});

describe.each(platforms)('on %s', (platform) => {
  async function start(changes: Parameters<typeof moduleOptions>[0] = {}): Promise<TestApp> {
    running = await startApp(
      platform,
      testingModule(WebSocketModule.forRoot(moduleOptions(changes))),
    );
    return running;
  }

  test('the connect reply says who the connection acts for', async () => {
    const client = (await start()).client('ada');
    client.connect();
    const connected = await next<{ data: unknown }>(client, 'connected');
    expect(connected.data).toEqual({ userId: 'ada', realm: { kind: 'tenant', tenantId: 'acme' } });
    client.disconnect();
  });

  test('a wrong cookie ends in disconnected at once, with 3500', async () => {
    const client = (await start()).client('nobody');
    client.connect();
    const { code } = await next<{ code: number }>(client, 'disconnected');
    expect(code).toBe(3500);
    expect(client.state).toBe(State.Disconnected);
  });

  test('the client comes back when authenticate throws, and gets in when it works again', async () => {
    let attempts = 0;
    const app = await start({
      authenticate: (handshake) => {
        attempts += 1;
        if (attempts < 3) throw new Error('database is down');
        return fromCookie(handshake);
      },
    });
    const client = app.client('ada');
    const codes: number[] = [];
    client.on('connecting', ({ code }) => codes.push(code));
    client.on('disconnected', ({ code }) => codes.push(code));
    client.connect();
    await client.ready();
    expect(attempts).toBe(3);
    expect(codes).toEqual([0]); // it went on connecting: never told to stay away
    client.disconnect();
  });

  test('the close code of a failing authenticate is 3004', async () => {
    const { baseUrl } = await start();
    const socket = new WebSocket(`${baseUrl.replace('http', 'ws')}/connection/websocket`, {
      headers: { cookie: 'who=outage', origin: baseUrl },
    });
    socket.on('open', () => socket.send('{"id":1,"connect":{}}'));
    const { promise, resolve } = Promise.withResolvers<number>();
    socket.on('close', resolve);
    expect(await promise).toBe(3004);
  });

  test('another origin with a cookie is refused before it gets a socket', async () => {
    const { baseUrl } = await start();
    const url = `${baseUrl.replace('http', 'ws')}/connection/websocket`;
    const statusOf = async (headers: Record<string, string>) => {
      const socket = new WebSocket(url, { headers });
      const { promise, resolve } = Promise.withResolvers<number | undefined>();
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
      socket.on('open', () => resolve(101));
      const status = await promise;
      socket.on('error', () => {});
      socket.terminate();
      return status;
    };
    expect(await statusOf({ cookie: 'who=ada', origin: 'https://evil.test' })).toBe(403);
    expect(await statusOf({ cookie: 'who=ada', origin: baseUrl })).toBe(101);
    expect(await statusOf({ cookie: 'who=ada' })).toBe(403);
    expect(await statusOf({})).toBe(101);
  });

  test('what a service sends arrives at its user and nobody else', async () => {
    const app = await start();
    const [adaClient, cleoClient] = [app.client('ada'), app.client('cleo')];
    for (const client of [adaClient, cleoClient]) client.connect();
    await Promise.all([adaClient.ready(), cleoClient.ready()]);
    const atCleo: unknown[] = [];
    cleoClient.on('publication', ({ data }) => atCleo.push(data.type));
    const arrived = next<{ channel: string; data: Record<string, unknown> }>(
      adaClient,
      'publication',
    );
    const service = app.app.get(WebSocketService);
    const receipt = await service
      .forTenant('acme')
      .sendToUser('ada', { type: 'note', data: { n: 1 } });
    const { channel, data } = await arrived;
    expect(channel).toBe('@user');
    expect(data).toMatchObject({
      id: receipt.id,
      type: 'note',
      data: { n: 1 },
      scope: 'user',
      tenantId: 'acme',
    });
    const own = next<{ data: { type: string } }>(cleoClient, 'publication');
    await service.sendToTenant('globex', { type: 'own', data: null });
    expect((await own).data.type).toBe('own');
    expect(atCleo).toEqual(['own']);
    for (const client of [adaClient, cleoClient]) client.disconnect();
  });

  test('roles and rooms from roomsOf are subscribed from the start', async () => {
    const app = await start({
      roomsOf: ({ userId }) => [`desk:${userId}`, 'not a room', 'platform:x'],
    });
    const client = app.client('ada');
    const channels: string[] = [];
    client.on('subscribed', ({ channel }) => channels.push(channel));
    client.connect();
    await client.ready();
    expect(channels.toSorted()).toEqual(['@all', '@role:admins', '@user', 'desk:ada']);
    client.disconnect();
  });

  test('every hook runs as the principal that it decides about', async () => {
    const seen: (string | undefined)[] = [];
    const note = () => seen.push(currentPrincipal()?.userId);
    class ChatRule {
      readonly allowed = ['ada'];
      authorize({ userId }: Principal) {
        note();
        return this.allowed.includes(userId);
      }
    }
    const app = await start({
      roomsOf: () => {
        note();
        return [];
      },
      rooms: { 'chat:*': new ChatRule() },
    });
    const client = app.client('ada');
    client.connect();
    const room = client.newSubscription('chat:1');
    room.subscribe();
    await room.ready();
    expect(seen).toEqual(['ada', 'ada']);
    client.disconnect();
  });

  test('closing the app with clients connected takes moments, and tells them to come back', async () => {
    const app = await start();
    const clients = [app.client('ada'), app.client('cleo')];
    const codes: number[] = [];
    for (const client of clients) {
      client.connect();
      await client.ready();
      client.on('connecting', ({ code }) => codes.push(code));
    }
    const startedAt = performance.now();
    await app.app.close();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(codes.filter((code) => code === 3001)).toHaveLength(2);
    for (const client of clients) client.disconnect();
  });

  test('another WebSocket server on the same HTTP server goes on working', async () => {
    const app = await start();
    const other = new WebSocketServer({ server: app.app.getHttpServer(), path: '/other' });
    other.on('connection', (socket) => socket.send('hello'));
    const socket = new WebSocket(`${app.baseUrl.replace('http', 'ws')}/other`);
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.on('message', (data: Buffer) => resolve(data.toString()));
    expect(await promise).toBe('hello');
    other.close();
    socket.terminate();
  });
});

describe('configuration', () => {
  test('forRoot twice is refused at boot, and both modules are named', async () => {
    @Module({ imports: [WebSocketModule.forRoot(moduleOptions())] })
    class BillingModule {}
    @Module({ imports: [WebSocketModule.forRoot(moduleOptions()), BillingModule] })
    class ShopModule {}
    const compiling = testingModule(ShopModule).compile();
    await expect(compiling).rejects.toThrow(ConfigurationError);
    await expect(compiling).rejects.toThrow(
      /ShopModule and BillingModule|BillingModule and ShopModule/,
    );
  });

  test('listen: false with the memory broker is refused: sends would go nowhere', async () => {
    const broker = new MemoryBroker();
    const module = WebSocketModule.forRoot({ listen: false, broker });
    await expect(testingModule(module).compile()).rejects.toThrow(/nowhere/);
  });

  test('listen: false needs no authenticate and no server', async () => {
    const broker = new SharedMemory().broker();
    const module = WebSocketModule.forRoot({ listen: false, broker });
    const testing = await testingModule(module).compile();
    await testing.init();
    const sender = testing.get(WebSocketService).forTenant('acme');
    const receipt = await sender.sendToUser('ada', { type: 'a', data: 1 });
    expect(receipt).toMatchObject({ status: 'accepted', offset: 1 });
    await testing.close();
  });

  test('a bare import without forRoot says what to write', async () => {
    @Injectable()
    class NeedyService {
      constructor(readonly webSocketService: WebSocketService) {}
    }
    @Module({ imports: [WebSocketModule], providers: [NeedyService] })
    class FeatureModule {}
    const compiling = testingModule(FeatureModule).compile();
    await expect(compiling).rejects.toThrow(ConfigurationError);
    await expect(compiling).rejects.toThrow(/forRoot\(\{ authenticate/);
  });

  test('forRootAsync builds its options from other providers', async () => {
    @Module({ providers: [{ provide: 'broker', useClass: RecordingBroker }], exports: ['broker'] })
    class BrokerModule {}
    const module = WebSocketModule.forRootAsync({
      imports: [BrokerModule],
      inject: ['broker'],
      useFactory: (broker: RecordingBroker) => moduleOptions({ broker, authenticate: () => ada }),
    });
    const testing = await testingModule(module).compile();
    await testing.get(WebSocketService).sendToTenant('acme', { type: 'a', data: 1 });
    expect(testing.get<RecordingBroker>('broker').published).toHaveLength(1);
    await testing.close();
  });

  test('an unknown upgrade path gets 404 when nobody else listens', async () => {
    running = await startApp('express', testingModule(WebSocketModule.forRoot(moduleOptions())));
    const socket = new WebSocket(`${running.baseUrl.replace('http', 'ws')}/elsewhere`);
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    socket.on('error', () => {});
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
    expect(await promise).toBe(404);
    socket.terminate();
  });
});
