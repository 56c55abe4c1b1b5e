import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type CanJoin,
  currentPrincipal,
  type RoomParams,
  RoomPolicy,
  WebSocketModule,
} from '@trunkline/nestjs';
import type { Principal, RoomAnswer } from '@trunkline/server';
import type { Centrifuge } from 'centrifuge';
import { describe, expect, test } from 'vitest';
import { connected, moduleOptions, next, platforms, serveApp, startApp } from './harness.ts';

@Injectable()
class Memberships {
  readonly #members = new Map([
    ['42', ['ada']],
    ['43', ['cleo']],
  ]);

  async areIn(chatId: string, userId: string): Promise<boolean> {
    await Promise.resolve();
    return this.#members.get(chatId)?.includes(userId) ?? false;
  }
}

const asked: { params: RoomParams; ambient: string | undefined }[] = [];

@RoomPolicy('chat:*', { presence: true, history: { size: 10 } })
class ChatRoomPolicy implements CanJoin {
  constructor(private readonly memberships: Memberships) {}

  async canJoin({ userId }: Principal, params: RoomParams): Promise<RoomAnswer> {
    asked.push({ params, ambient: currentPrincipal()?.userId });
    return await this.memberships.areIn(params.id, userId);
  }
}

const providers = [Memberships, ChatRoomPolicy];

/** The code that a client's wish to enter is answered with; 0: it is in. */
async function entry(client: Centrifuge, room: string, options = {}): Promise<number> {
  const subscription = client.newSubscription(room, options);
  const { promise, resolve } = Promise.withResolvers<number>();
  subscription.once('subscribed', () => resolve(0));
  subscription.once('unsubscribed', ({ code }) => resolve(code));
  subscription.once('error', ({ error }) => resolve(error.code));
  subscription.subscribe();
  const code = await promise;
  client.removeSubscription(subscription);
  return code;
}

describe.each(platforms)('a policy on %s', (platform) => {
  test('decides who enters, with what was injected, as who wants to', async () => {
    asked.length = 0;
    const app = await serveApp(platform, {}, { providers });
    const client = app.client('ada');
    const welcome = next<{ client: string }>(client, 'connected');
    client.connect();
    const { client: clientId } = await welcome;
    expect(await entry(client, 'chat:42', { data: { why: 'to talk' } })).toBe(0);
    expect(await entry(client, 'chat:43')).toBe(103);
    expect(await entry(client, 'chat:absent')).toBe(103);
    expect(await entry(await connected(app, 'cleo'), 'chat:42')).toBe(103);
    expect(asked.slice(0, 2)).toEqual([
      {
        params: { room: 'chat:42', id: '42', clientId, data: { why: 'to talk' } },
        ambient: 'ada',
      },
      { params: { room: 'chat:43', id: '43', clientId }, ambient: 'ada' },
    ]);
    client.disconnect();
  });
});

test('without a policy or a rule nobody enters', async () => {
  const client = await connected(await serveApp('express', {}, { providers }), 'ada');
  expect(await entry(client, 'desk:42')).toBe(103);
});

test('what a policy’s options say holds in its rooms', async () => {
  const client = await connected(await serveApp('express', {}, { providers }), 'ada');
  const subscription = client.newSubscription('chat:42');
  subscription.subscribe();
  await subscription.ready();
  expect(Object.keys((await subscription.presence()).clients)).toHaveLength(1);
  expect((await subscription.history({ limit: 1 })).publications).toEqual([]);
});

test('what the option rooms says under the same pattern holds, and the policy decides', async () => {
  @RoomPolicy('desk:*')
  class DeskPolicy implements CanJoin {
    canJoin({ userId }: Principal, { id }: RoomParams) {
      return userId === id;
    }
  }
  const rooms = { 'desk:*': { presence: true } };
  const app = await serveApp('express', { rooms }, { providers: [DeskPolicy] });
  const client = await connected(app, 'ada');
  expect(await entry(client, 'desk:cleo')).toBe(103);
  const subscription = client.newSubscription('desk:ada');
  subscription.subscribe();
  await subscription.ready();
  expect((await subscription.presenceStats()).numUsers).toBe(1);
});

test('a policy that throws is error 100, and the connection lives', async () => {
  @RoomPolicy('broken:*')
  class BrokenPolicy implements CanJoin {
    canJoin(): boolean {
      throw new Error('the database is down');
    }
  }
  const app = await serveApp('express', {}, { providers: [BrokenPolicy, ...providers] });
  const client = await connected(app, 'ada');
  expect(await entry(client, 'broken:1')).toBe(100);
  expect(await entry(client, 'chat:42')).toBe(0);
});

describe('several policies', () => {
  const policyOf = (pattern: string, answer: boolean, seen: string[] = []) => {
    @RoomPolicy(pattern)
    class AnyPolicy implements CanJoin {
      canJoin(_: Principal, { id }: RoomParams) {
        seen.push(id);
        return answer;
      }
    }
    return AnyPolicy;
  };

  test.each([
    ['first', [policyOf('chat:*', true), policyOf('chat:private-*', false)]],
    ['last', [policyOf('chat:private-*', false), policyOf('chat:*', true)]],
  ])('the narrower one decides, also when the wider one is provided %s', async (_, policies) => {
    const client = await connected(await serveApp('express', {}, { providers: policies }), 'ada');
    expect(await entry(client, 'chat:private-1')).toBe(103);
    expect(await entry(client, 'chat:1')).toBe(0);
  });

  test('a rule of the option rooms comes before', async () => {
    const rooms = { 'chat:lobby': { authorize: () => false } };
    const policies = [policyOf('chat:*', true)];
    const app = await serveApp('express', { rooms }, { providers: policies });
    const client = await connected(app, 'ada');
    expect(await entry(client, 'chat:lobby')).toBe(103);
    expect(await entry(client, 'chat:hall')).toBe(0);
  });

  test('the id is what the first star stands for', async () => {
    const seen: string[] = [];
    const policies = ['team.*:desk:*', 'lobby', '*-hall'].map((at) => policyOf(at, true, seen));
    const client = await connected(await serveApp('express', {}, { providers: policies }), 'ada');
    for (const room of ['team.a:desk:b:desk:c', 'lobby', 'east-hall']) {
      expect(await entry(client, room)).toBe(0);
    }
    expect(await entry(client, 'teamxa:desk:b')).toBe(103);
    expect(seen).toEqual(['a', '', 'east']);
  });
});

test('a test may put a fake in the place of a policy', async () => {
  const module = WebSocketModule.forRoot(moduleOptions());
  const builder = Test.createTestingModule({ imports: [module], providers })
    .overrideProvider(ChatRoomPolicy)
    .useValue({ canJoin: () => true });
  const app = await startApp('express', builder);
  const client = await connected(app, 'cleo');
  expect(await entry(client, 'chat:42')).toBe(0);
  client.disconnect();
  await app.app.close();
});
