import { currentPrincipal, runAs, WebSocketService } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import type { Centrifuge } from 'centrifuge';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ada, connected, fromCookie, next, platforms, serveApp, type TestApp } from './harness.ts';

const event = { type: 'note', data: { n: 1 } };

interface Publication {
  readonly channel: string;
  readonly data: { readonly type: string; readonly data: unknown };
}

async function start(
  platform: (typeof platforms)[number] = 'express',
  changes: Parameters<typeof serveApp>[1] = {},
): Promise<{ app: TestApp; service: WebSocketService }> {
  const app = await serveApp(platform, changes);
  return { app, service: app.app.get(WebSocketService) };
}

/** The channels of what a client gets, until an event of type `end`. */
async function channelsUntilEnd(client: Centrifuge): Promise<string[]> {
  const channels: string[] = [];
  const { promise, resolve } = Promise.withResolvers<string[]>();
  client.on('publication', ({ channel, data }: Publication) => {
    if (data.type === 'end') resolve(channels);
    else channels.push(channel);
  });
  return await promise;
}

describe.each(platforms)('rooms on %s', (platform) => {
  test('joinRoom puts a user in, with every connection, and leaveRoom takes them out', async () => {
    const { app, service } = await start(platform);
    const [first, second] = [await connected(app, 'ada'), await connected(app, 'ada')];
    const got = [first, second].map(channelsUntilEnd);
    const acme = service.forTenant('acme');
    await acme.sendToRoom('chat:1', event);
    await runAs(ada, () => service.joinRoom('ada', 'chat:1'));
    await acme.sendToRoom('chat:1', event);
    await acme.leaveRoom('ada', 'chat:1');
    await acme.sendToRoom('chat:1', event);
    await acme.sendToUser('ada', { type: 'end', data: null });
    expect(await Promise.all(got)).toEqual([['chat:1'], ['chat:1']]);
  });

  test('a connection to come is in the rooms of joinRoom, and not in another tenant’s', async () => {
    const { app, service } = await start(platform);
    await service.joinRoom('ada', 'chat:1', { tenantId: 'acme' });
    await service.joinRoom('ada', 'chat:2', { tenantId: 'globex' });
    const client = app.client('ada');
    onTestFinished(() => client.disconnect());
    const welcome = next<object>(client, 'connected');
    const channels: string[] = [];
    client.on('subscribed', ({ channel }) => channels.push(channel));
    client.connect();
    await welcome;
    expect(channels.filter((channel) => !channel.startsWith('@'))).toEqual(['chat:1']);
  });
});

test('presence says who is in a room: several tabs of one user are one member', async () => {
  const rooms = { 'chat:*': { presence: true } };
  const { app, service } = await start('express', { rooms });
  const began = Date.now();
  await connected(app, 'ada');
  await connected(app, 'ada');
  await connected(app, 'cleo');
  const acme = service.forTenant('acme');
  await acme.joinRoom('ada', 'chat:1');
  await service.forTenant('globex').joinRoom('cleo', 'chat:1');
  const members = await runAs(ada, () => service.presence('chat:1'));
  expect(members).toEqual([{ userId: 'ada', since: expect.any(Number), connections: 2 }]);
  expect(members[0].since).toBeGreaterThanOrEqual(began - 1);
  expect(await acme.presence('chat:2')).toEqual([]);
  await acme.leaveRoom('ada', 'chat:1');
  expect(await acme.presence('chat:1')).toEqual([]);
});

describe('revocation', () => {
  async function ended(client: Centrifuge): Promise<number> {
    return (await next<{ code: number }>(client, 'disconnected')).code;
  }

  test('disconnectUser ends every connection of one user in one tenant, for good', async () => {
    const { app, service } = await start();
    const clients = [await connected(app, 'ada'), await connected(app, 'ada')];
    const other = await connected(app, 'cleo');
    const codes = clients.map(ended);
    await service.disconnectUser('ada', { tenantId: 'acme' });
    expect(await Promise.all(codes)).toEqual([3503, 3503]);
    await service.disconnectUser('cleo', { tenantId: 'acme' }); // nobody there
    expect(other.state).toBe('connected');
  });

  test('disconnectTenant ends everybody’s in a tenant and nobody’s in another', async () => {
    const { app, service } = await start();
    const [inside, outside] = [await connected(app, 'ada'), await connected(app, 'cleo')];
    const code = ended(inside);
    await service.disconnectTenant('acme');
    expect(await code).toBe(3503);
    const { promise, resolve } = Promise.withResolvers<string>();
    outside.on('publication', ({ data }: Publication) => resolve(data.type));
    await service.forTenant('globex').sendToTenant(event);
    expect(await promise).toBe('note');
  });

  test('what was issued before does not count any more', async () => {
    const issuedAt = Date.now();
    const authenticate: typeof fromCookie = async (handshake) => {
      const principal = await fromCookie(handshake);
      return principal && { ...principal, issuedAt };
    };
    const { app, service } = await start('express', { authenticate });
    await connected(app, 'ada');
    await service.forTenant('acme').disconnectUser('ada');
    const client = app.client('ada');
    const code = ended(client);
    client.connect();
    expect(await code).toBe(3500);
  });

  test('refreshPermissions asks reauthorize, as the principal, and changes what they hear', async () => {
    const asked: unknown[] = [];
    let roles = ['admins'];
    const reauthorize = (principal: Principal) => {
      asked.push(currentPrincipal()?.userId);
      return { ...principal, roles };
    };
    const { app, service } = await start('express', { reauthorize });
    const client = await connected(app, 'ada');
    const got = channelsUntilEnd(client);
    roles = ['auditors'];
    const acme = service.forTenant('acme');
    await acme.refreshPermissions('ada');
    await service.sendToRoom('tenant:acme:admins', event);
    await service.sendToRoom('tenant:acme:auditors', event);
    await acme.sendToUser('ada', { type: 'end', data: null });
    expect(await got).toEqual(['@role:auditors']);
    expect(asked).toEqual(['ada']);
    expect(client.state).toBe('connected');
  });

  test('without reauthorize they come back through authenticate', async () => {
    const { app, service } = await start();
    const client = await connected(app, 'ada');
    const code = next<{ code: number }>(client, 'connecting');
    await service.forTenant('acme').refreshPermissions('ada');
    expect((await code).code).toBe(3011);
    await client.ready();
  });
});

describe('what addresses nobody rejects, and does nothing', () => {
  test.each([
    ['joinRoom', (service: WebSocketService) => service.joinRoom('42', 'chat:1')],
    ['leaveRoom', (service: WebSocketService) => service.leaveRoom('42', 'chat:1')],
    ['disconnectUser', (service: WebSocketService) => service.disconnectUser('42')],
    ['refreshPermissions', (service: WebSocketService) => service.refreshPermissions('42')],
    ['presence', (service: WebSocketService) => service.presence('chat:1')],
  ])('%s without a tenant says what to write', async (method, call) => {
    const { service } = await start();
    await expect(call(service)).rejects.toMatchObject({
      code: 'TENANT_REQUIRED',
      message: expect.stringContaining(`forTenant(tenantId).${method}`),
    });
  });

  test('a role is no room that somebody could be put into', async () => {
    const { service } = await start();
    const acme = service.forTenant('acme');
    for (const room of ['tenant:acme:admins', 'platform:admins', '@all', '']) {
      const calls = [acme.joinRoom('ada', room), acme.leaveRoom('ada', room), acme.presence(room)];
      for (const call of calls) {
        await expect(call).rejects.toMatchObject({
          code: 'INVALID_ADDRESS',
          message: expect.stringMatching(/needs a room .* principal/),
        });
      }
    }
  });

  test('nobody is not everybody', async () => {
    const { service } = await start();
    const nobody = undefined as unknown as string;
    const acme = service.forTenant('acme');
    const calls = [
      acme.disconnectUser(''),
      acme.disconnectUser(nobody),
      acme.joinRoom('', 'chat:1'),
      service.disconnectTenant(nobody),
      service.disconnectTenant(''),
      service.disconnectUser('ada', { tenantId: nobody }),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'INVALID_ADDRESS' });
  });

  test('an option that nobody reads rejects', async () => {
    const { service } = await start();
    const wrong = { tenant: 'acme' } as object;
    const calls = [
      service.joinRoom('ada', 'chat:1', wrong),
      service.disconnectUser('ada', wrong),
      service.disconnectTenant('acme', { tenantId: 'acme' } as object),
      service.refreshTables(['users'], { tenantId: 'acme', volatile: true } as object),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });

  test('one room too many rejects with the limit that stands against it', async () => {
    const { service } = await start('express', { limits: { maxRoomsPerUser: 1 } });
    const acme = service.forTenant('acme');
    await acme.joinRoom('ada', 'chat:1');
    await acme.joinRoom('ada', 'chat:1');
    await expect(acme.joinRoom('ada', 'chat:2')).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: 'maxRoomsPerUser',
    });
  });
});

test('a volatile send reaches who is there, and is not kept', async () => {
  const { app, service } = await start('express', { roomsOf: () => ['chat:1'] });
  const client = await connected(app, 'ada');
  const acme = service.forTenant('acme');
  const kept = next<Publication & { offset?: number }>(client, 'publication');
  await acme.sendToRoom('chat:1', event);
  expect((await kept).offset).toBe(1);
  const passing = next<Publication & { offset?: number }>(client, 'publication');
  const receipt = await acme.sendToRoom('chat:1', event, { volatile: true });
  expect(receipt.status).toBe('accepted');
  expect((await passing).offset).toBeUndefined();
  const last = next<Publication & { offset?: number }>(client, 'publication');
  await acme.sendToRoom('chat:1', event);
  expect((await last).offset).toBe(2);
});

test('onIsolationViolation is passed on: another word than there is refuses to start', async () => {
  const wrong = { onIsolationViolation: 'ignore' as 'close' };
  await expect(serveApp('express', wrong)).rejects.toThrow("'close' or 'exit'");
});
