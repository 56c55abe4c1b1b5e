import type { INestApplication } from '@nestjs/common';
import { WebSocketModule, type WebSocketModuleOptions, WebSocketService } from '@trunkline/nestjs';
import { Centrifuge } from 'centrifuge';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  moduleOptions,
  next,
  platforms,
  startApp,
  type TestApp,
  testingModule,
} from './harness.ts';

describe.each(platforms)('on %s', (platform) => {
  /** An app behind a prefix, with a middleware that notes what it sees. */
  async function start(options: Partial<Pick<WebSocketModuleOptions, 'httpFallback' | 'path'>>) {
    const seen: string[] = [];
    const prepare = (app: INestApplication) => {
      app.setGlobalPrefix('api');
      app.use((request: { url: string }, _response: unknown, go: () => void) => {
        seen.push(request.url);
        go();
      });
    };
    const module = WebSocketModule.forRoot(moduleOptions(options));
    const app = await startApp(platform, testingModule(module), prepare);
    onTestFinished(async () => {
      // for a stream that it has given up, fetch opens a connection that it does not use
      app.app.getHttpServer().closeAllConnections();
      await app.app.close();
    });
    return { ...app, seen };
  }

  /** A stock client in a browser that cannot open a WebSocket. */
  function streamClient(
    { baseUrl }: TestApp,
    who: string,
    root = '/connection',
    from = '',
  ): Centrifuge {
    const headers = { cookie: `who=${who}`, origin: baseUrl };
    const client = new Centrifuge(
      [{ transport: 'http_stream', endpoint: `${baseUrl}${root}/http_stream` }],
      {
        emulationEndpoint: `${baseUrl}${from}/emulation`,
        fetch: (url: string, init: RequestInit) =>
          fetch(url, { ...init, headers: { ...(init.headers as object), ...headers } }),
      },
    );
    onTestFinished(() => client.disconnect());
    return client;
  }

  test('a client without WebSocket comes in by cookie, and neither prefix nor framework see it', async () => {
    const app = await start({});
    const client = streamClient(app, 'ada');
    const connected = next<{ transport: string; data: { userId: string } }>(client, 'connected');
    client.connect();
    expect(await connected).toMatchObject({ transport: 'http_stream', data: { userId: 'ada' } });
    const arrived = next<{ data: { data: unknown } }>(client, 'publication');
    const service = app.app.get(WebSocketService);
    await service.forTenant('acme').sendToUser('ada', { type: 'note', data: { n: 1 } });
    expect((await arrived).data.data).toEqual({ n: 1 });
    await expect(client.rpc('any', {})).rejects.toMatchObject({ code: 108 });
    expect(app.seen).toEqual([]);
    expect((await app.request('/api/nothing', 'ada')).status).toBe(404);
    expect(app.seen).toHaveLength(1);
  });

  test('another page’s form gets nowhere, whatever cookie comes with it', async () => {
    const app = await start({});
    const ask = async (headers: Record<string, string>) =>
      await fetch(`${app.baseUrl}/connection/http_stream`, {
        method: 'POST',
        headers: { cookie: 'who=ada', ...headers },
        body: '{"id":1,"connect":{}}',
      });
    expect((await ask({ origin: 'https://evil.test', 'content-type': 'text/plain' })).status).toBe(
      403,
    );
    expect((await ask({ origin: app.baseUrl, 'content-type': 'text/plain' })).status).toBe(415);
  });

  test('closing the app with streams open takes moments, and tells them to come back', async () => {
    const app = await start({});
    const client = streamClient(app, 'ada');
    client.connect();
    await client.ready();
    const away = next<{ code: number }>(client, 'connecting');
    const startedAt = performance.now();
    await app.app.close();
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await away).toMatchObject({ code: 3001 });
  });

  test('paths of its own, and none at all', async () => {
    const paths = { httpStream: '/rt/http_stream', emulation: '/rt/emulation' };
    const own = await start({ httpFallback: paths });
    const client = streamClient(own, 'ada', '/rt', '/rt');
    client.connect();
    await client.ready();
    await expect(client.rpc('any', {})).rejects.toMatchObject({ code: 108 });
    const below = await start({ path: '/rt' });
    const second = streamClient(below, 'ada', '/rt', '/rt');
    second.connect();
    await second.ready();
    const off = await start({ httpFallback: false });
    expect((await fetch(`${off.baseUrl}/emulation`)).status).toBe(404);
    expect(off.seen).toEqual(['/emulation']);
  });
});

test('a path that is none is refused at boot', async () => {
  const httpFallback = { emulation: 'emulation' };
  const module = WebSocketModule.forRoot(moduleOptions({ httpFallback }));
  await expect(startApp('express', testingModule(module))).rejects.toThrow(
    'httpFallback.emulation is a path like /connection/sse, got emulation',
  );
});
