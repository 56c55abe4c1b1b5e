import { Injectable } from '@nestjs/common';
import { CurrentPrincipal, OnCall, WebSocketService } from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { expect, test } from 'vitest';
import { connected, next, RecordingBroker, serveApp } from './harness.ts';

/** Passes on what the client says, with nothing checked: the worst that an app may do. */
@Injectable()
class CarelessCalls {
  constructor(private readonly webSocketService: WebSocketService) {}

  @OnCall('publish-as-is')
  async publishAsIs(event: { type: string; data: unknown }) {
    const { status } = await this.webSocketService.sendToRoom('chat:1', event);
    return status;
  }
}

const rooms = { 'chat:*': { authorize: () => true, publish: 'members' as const } };

test('what a member publishes cannot pose as an operation or a refresh, nor as somebody else', async () => {
  const broker = new RecordingBroker();
  const app = await serveApp('express', { broker, rooms });
  const client = await connected(app, 'ada');
  const subscription = client.newSubscription('chat:1');
  subscription.subscribe();
  await subscription.ready();
  const posing = [
    { type: 'operation:progress', data: { operationId: 'a', operationType: 'b', percentage: 1 } },
    { type: 'operation:complete', data: { operationId: 'a', operationType: 'b' } },
    { type: 'trunkline:refresh', data: { tables: ['users'] } },
    { type: 'trunkline:typing', data: { userId: 'ben', isTyping: true } },
    { type: 'chat:message', data: 1, metadata: { tablesToRefresh: ['users'] } },
    { type: 'chat:message', data: 1, metadata: { toast: true } },
  ];
  for (const event of posing) {
    await expect(subscription.publish(event)).rejects.toMatchObject({ code: 107 });
  }
  expect(broker.published).toEqual([]);
  const { promise, resolve } = Promise.withResolvers<{ data: object; info?: { user: string } }>();
  subscription.on('publication', resolve);
  const forged = { type: 'chat:message', data: 1, id: 'x', sender: 'ben', tenantId: 'globex' };
  await subscription.publish({ ...forged, scope: 'platform', origin: 'x', v: 9, ts: 0 });
  const { data, info } = await promise;
  expect(data).toMatchObject({
    sender: 'ada',
    tenantId: 'acme',
    scope: 'room',
    room: 'chat:1',
    v: 1,
  });
  expect(data).not.toMatchObject({ id: 'x' });
  expect(data).not.toMatchObject({ ts: 0 });
  expect(data).not.toHaveProperty('origin');
  expect(info).toMatchObject({ user: 'ada' });
});

test('an event that a service sends for a client stays in the client’s tenant, whatever it says', async () => {
  const broker = new RecordingBroker();
  const app = await serveApp('express', { broker }, { providers: [CarelessCalls] });
  const client = await connected(app, 'cleo');
  const forged = { type: 'chat:message', data: 1, tenantId: 'acme', scope: 'platform', id: 'x' };
  expect((await client.rpc('publish-as-is', forged)).data).toBe('accepted');
  expect(broker.published).toMatchObject([
    { channel: 't.globex:c:chat:1', event: { tenantId: 'globex', scope: 'room' } },
  ]);
  expect(broker.published[0].event).not.toMatchObject({ id: 'x' });
  await expect(
    client.rpc('publish-as-is', { type: 'trunkline:refresh', data: { tables: ['users'] } }),
  ).rejects.toMatchObject({ code: 100 });
});

test('a room’s name that a client made up is never parsed for a tenant', async () => {
  @Injectable()
  class RoomCalls {
    constructor(private readonly webSocketService: WebSocketService) {}

    @OnCall('say')
    async say(data: { room: string }, _context: unknown) {
      const sending = this.webSocketService.sendToRoom(data.room, { type: 'said', data: null });
      return await sending.then(
        ({ status }) => status,
        ({ code }: { code: string }) => code,
      );
    }

    @OnCall('join')
    async join(@CurrentPrincipal() { userId }: Principal) {
      await this.webSocketService.joinRoom(userId, 'chat:1');
      return 'joined';
    }
  }
  const broker = new RecordingBroker();
  const app = await serveApp('express', { broker }, { providers: [RoomCalls] });
  const client = await connected(app, 'cleo');
  expect((await client.rpc('say', { room: 'tenant:acme:admins' })).data).toBe('CROSS_TENANT');
  expect((await client.rpc('say', { room: 'chat:tenant:acme:admins' })).data).toBe('accepted');
  expect(broker.published.map(({ channel }) => channel)).toEqual([
    't.globex:c:chat:tenant:acme:admins',
  ]);
  const subscribed = next<{ channel: string }>(client, 'subscribed');
  expect((await client.rpc('join', null)).data).toBe('joined');
  expect((await subscribed).channel).toBe('chat:1');
});
