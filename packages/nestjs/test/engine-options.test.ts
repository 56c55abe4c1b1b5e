import { currentPrincipal, WebSocketService } from '@trunkline/nestjs';
import { describe, expect, test } from 'vitest';
import { ada, freePort, fromCookie, next, platforms, readyz, serveApp } from './harness.ts';

describe.each(platforms)('on %s', (platform) => {
  test('a call of a client runs as its principal, and its sends go to its tenant', async () => {
    let service: WebSocketService | undefined;
    const app = await serveApp(platform, {
      rpc: {
        greet: async (principal, data) => {
          await Promise.resolve();
          await service?.sendToUser('ada', { type: 'greeting', data });
          return [principal.userId, currentPrincipal()?.realm];
        },
      },
    });
    service = app.app.get(WebSocketService);
    const client = app.client('ada');
    const welcome = next<{ client: string }>(client, 'connected');
    client.connect();
    const { client: origin } = await welcome;
    const greeting = next<{ data: { data: unknown; tenantId: string } }>(client, 'publication');
    expect(await client.rpc('greet', 'hello')).toMatchObject({ data: ['ada', ada.realm] });
    expect((await greeting).data).toMatchObject({ data: 'hello', tenantId: 'acme', origin });
    client.disconnect();
  });

  test('what a client sends without an answer is taken as its principal, too', async () => {
    const got = Promise.withResolvers<unknown>();
    const app = await serveApp(platform, {
      onSend: (_principal, data) => got.resolve([currentPrincipal(), data]),
    });
    const client = app.client('ada');
    client.connect();
    await client.ready();
    await client.send({ typing: true });
    expect(await got.promise).toEqual([ada, { typing: true }]);
    client.disconnect();
  });

  test("one tenant's limits may differ from the others'", async () => {
    const app = await serveApp(platform, {
      limitsFor: (tenantId) =>
        tenantId === 'globex' ? { publishBurst: 1, publishesPerSecond: 0.001 } : undefined,
    });
    const service = app.app.get(WebSocketService);
    const event = { type: 'news', data: 1 };
    const statuses = async (tenantId: string) => {
      const receipts = [1, 2, 3].map(() => service.sendToTenant(tenantId, event));
      return (await Promise.all(receipts)).map(({ status }) => status);
    };
    expect(await statuses('acme')).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await statuses('globex')).toEqual(['accepted', 'dropped', 'dropped']);
  });

  test('an address behind a proxy counts only where the proxy is trusted', async () => {
    const addresses: string[] = [];
    const authenticate: typeof fromCookie = (handshake) => {
      addresses.push(handshake.remoteAddress);
      return fromCookie(handshake);
    };
    for (const trustedProxies of [[], ['loopback']]) {
      const app = await serveApp(platform, { authenticate, trustedProxies });
      const client = app.client('ada', { websocket: forwarded(app.baseUrl) });
      client.connect();
      await client.ready();
      client.disconnect();
      await app.app.close();
    }
    expect(addresses).toEqual(['127.0.0.1', '203.0.113.7']);
  });

  test('metrics and health are on a port of their own, and say when the node drains', async () => {
    const port = await freePort();
    const app = await serveApp(platform, {
      monitoring: { port },
      drain: { waitMs: 400, spreadMs: 1 },
    });
    const client = app.client('ada');
    client.connect();
    await client.ready();
    const url = `http://127.0.0.1:${port}`;
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('trunkline_connections 1');
    expect((await fetch(`${app.baseUrl}/metrics`)).status).toBe(404);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const closing = app.app.close();
    const draining = await readyz(url, 503);
    expect(await draining.text()).toBe('draining');
    client.disconnect();
    await closing;
    await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed');
  });
});

/** A WebSocket as it comes through a proxy, with whom the proxy says it comes for. */
function forwarded(origin: string): unknown {
  return class extends WebSocket {
    constructor(url: string) {
      const headers = { cookie: 'who=ada', origin, 'x-forwarded-for': '198.51.100.1, 203.0.113.7' };
      super(url, { headers });
    }
  };
}
