import { Controller, Get } from '@nestjs/common';
import { currentPrincipal, runAs, runAsPlatform, WebSocketService } from '@trunkline/nestjs';
import { type AuditRecord, type AuditSink, requestedTenant, supportView } from '@trunkline/server';
import { expect, test } from 'vitest';
import { ada, connected, fromCookie, next, root, serveApp, type TestApp } from './harness.ts';

@Controller()
class LookController {
  @Get('look')
  look(): { user: string | undefined } {
    return { user: currentPrincipal()?.userId };
  }
}

const event = { type: 'alert', data: null };

class Records implements AuditSink {
  readonly all: AuditRecord[] = [];

  record(record: AuditRecord): void {
    this.all.push(record);
  }

  of(action: AuditRecord['action']): AuditRecord[] {
    return this.all.filter((record) => record.action === action);
  }
}

async function start(audit: AuditSink): Promise<[WebSocketService, TestApp]> {
  const app = await serveApp('express', { audit });
  return [app.app.get(WebSocketService), app];
}

test('whoever reaches for another tenant is put on record, by every spelling', async () => {
  const attempts: [method: string, attempt: (service: WebSocketService) => Promise<unknown>][] = [
    ['sendToTenant', (service) => service.sendToTenant('globex', event)],
    ['sendToUser', (service) => service.sendToUser('1', event, { tenantId: 'globex' })],
    ['sendToRoom', (service) => service.sendToRoom('a:1', event, { tenantId: 'globex' })],
    ['sendToRoom', (service) => service.sendToRoom('tenant:globex:admins', event)],
    ['refreshTables', (service) => service.forTenant('globex').refreshTables(['users'])],
    ['joinRoom', (service) => service.joinRoom('1', 'a:1', { tenantId: 'globex' })],
    ['leaveRoom', (service) => service.forTenant('globex').leaveRoom('1', 'a:1')],
    ['presence', (service) => service.forTenant('globex').presence('a:1')],
    ['disconnectUser', (service) => service.disconnectUser('1', { tenantId: 'globex' })],
    ['disconnectTenant', (service) => service.disconnectTenant('globex')],
    ['disconnectTenant', (service) => service.forTenant('globex').disconnectTenant()],
    ['refreshPermissions', (service) => service.forTenant('globex').refreshPermissions('1')],
  ];
  for (const [method, attempt] of attempts) {
    const records = new Records();
    const [service] = await start(records);
    await expect(runAs(ada, () => attempt(service))).rejects.toMatchObject({
      code: 'CROSS_TENANT',
    });
    expect(records.all).toMatchObject([
      {
        action: 'cross-tenant',
        outcome: 'denied',
        realm: ada.realm,
        userId: 'ada',
        reason: 'tenant globex',
        details: { method },
      },
    ]);
  }
});

test('a sender that is bound to one tenant is on record as that tenant', async () => {
  const records = new Records();
  const [service] = await start(records);
  const crossing = service.forTenant('acme').sendToRoom('tenant:globex:admins', event);
  await expect(crossing).rejects.toMatchObject({ code: 'CROSS_TENANT' });
  expect(records.all).toMatchObject([{ realm: ada.realm, reason: 'tenant globex' }]);
  expect(records.all[0]).not.toHaveProperty('userId');
});

test('what may reach another tenant leaves no such record', async () => {
  const records = new Records();
  const [service] = await start(records);
  await runAs(ada, () => runAsPlatform(() => service.sendToTenant('globex', event)));
  await runAs(root, () => service.sendToTenant('globex', event));
  await service.sendToTenant('globex', event);
  expect(records.all).toEqual([]);
});

test('a send to the platform from a tenant is allowed and put on record', async () => {
  const records = new Records();
  const [service] = await start(records);
  await runAs(ada, () => service.sendToPlatform(event));
  await runAs(ada, () => service.sendToRoom('platform:admins', event));
  await service.forTenant('globex').sendToRoom('platform:admins', event);
  await runAs(root, () => service.sendToPlatform(event));
  await service.sendToPlatform(event);
  const common = { action: 'platform-send', outcome: 'allowed', reason: 'alert' };
  expect(records.all).toMatchObject([
    { ...common, realm: ada.realm, userId: 'ada' },
    { ...common, realm: ada.realm, userId: 'ada', room: 'platform:admins' },
    { ...common, realm: { kind: 'tenant', tenantId: 'globex' }, room: 'platform:admins' },
  ]);
});

test('a revocation is on record with whom it concerns, who did it, and why', async () => {
  const records = new Records();
  const [service] = await start(records);
  await runAs(root, () =>
    service.disconnectUser('ada', { tenantId: 'acme', reason: 'left the company' }),
  );
  const [record] = records.of('revocation');
  expect(record).toMatchObject({ outcome: 'allowed', realm: ada.realm, userId: 'ada' });
  expect(record?.details).toMatchObject({ by: { userId: 'root', realm: { kind: 'platform' } } });
  expect(JSON.stringify(record)).toContain('left the company');
});

test('the sink acts for nobody, whoever’s work it hears of', async () => {
  const principals: unknown[] = [];
  const [service] = await start({ record: () => void principals.push(currentPrincipal()) });
  await runAs(ada, () => service.sendToPlatform(event));
  expect(principals).toEqual([null]);
});

test('a sink that fails fails nothing else', async () => {
  const [service, app] = await start({
    record: async () => await Promise.reject(new Error('the table is full')),
  });
  const client = await connected(app, 'root');
  const arrived = next<{ data: { type: string } }>(client, 'publication');
  const receipt = await runAs(ada, () => service.sendToPlatform(event));
  expect(receipt.status).toBe('accepted');
  expect((await arrived).data.type).toBe('alert');
});

test('a support view acts in the tenant, and each of its connects is on record', async () => {
  const records = new Records();
  const authenticate: typeof fromCookie = async (handshake) => {
    const principal = await fromCookie(handshake);
    const tenantId = requestedTenant(handshake);
    if (!principal || principal.realm.kind === 'tenant' || !tenantId) return principal;
    return supportView(principal, tenantId, { reason: 'ticket 7' });
  };
  const app = await serveApp('express', { authenticate, audit: records });
  const service = app.app.get(WebSocketService);
  const client = await connected(app, 'root', { data: { tenantId: 'acme' } });
  const arrived = next<{ data: { tenantId: string } }>(client, 'publication');
  await service.sendToPlatform(event);
  await service.sendToTenant('acme', event);
  expect((await arrived).data.tenantId).toBe('acme');
  expect(records.of('support-view')).toMatchObject([{ realm: ada.realm, userId: 'support:root' }]);
  const ended = next<{ code: number }>(client, 'disconnected');
  await service.disconnectUser('support:root', { tenantId: 'acme' });
  expect((await ended).code).toBe(3503);
});

test('what a support view asks for over HTTP is on record too, without its query', async () => {
  const records = new Records();
  const staffInAcme: typeof fromCookie = () => supportView(root, 'acme', { reason: 'ticket 7' });
  const app = await serveApp(
    'express',
    { authenticate: staffInAcme, audit: records },
    { controllers: [LookController] },
  );
  expect(await app.request('/look?at=secret', 'root')).toMatchObject({
    body: { user: 'support:root' },
  });
  expect(records.of('support-view')).toMatchObject([
    {
      outcome: 'allowed',
      realm: ada.realm,
      userId: 'support:root',
      reason: 'ticket 7',
      details: { by: { userId: 'root', realm: root.realm }, method: 'GET', path: '/look' },
    },
  ]);
  expect(JSON.stringify(records.all)).not.toContain('secret');
});

test('who asks over HTTP for a tenant and is nobody there is on record; who asks for none is not', async () => {
  const records = new Records();
  const app = await serveApp(
    'express',
    { authenticate: () => null, audit: records },
    { controllers: [LookController] },
  );
  await fetch(`${app.baseUrl}/look`);
  expect(records.all).toEqual([]);
  await fetch(`${app.baseUrl}/look?at=secret`, { headers: { 'x-trunkline-tenant': 'globex' } });
  expect(records.all).toMatchObject([
    {
      action: 'authentication-failed',
      outcome: 'denied',
      reason: 'refused',
      details: { asked: 'globex', method: 'GET', path: '/look' },
    },
  ]);
});
