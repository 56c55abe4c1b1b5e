import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ChatMessage } from '@/chat/chat';
import { chatMembers, chats } from '@/infrastructure/database/schema';
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import { Browser } from './http.ts';

let demo: DemoApp;
let ada: Browser;
let ben: Browser;
let cleo: Browser;
let dana: Browser;

beforeAll(async () => {
  demo = await startDemoApp();
  ada = await demo.signIn('ada@acme.test');
  ben = await demo.signIn('ben@acme.test');
  cleo = await demo.signIn('cleo@globex.test');
  dana = await demo.signIn('dana@agency.test');
});

afterEach(() => demo.disconnectAll());

afterAll(() => demo.close());

describe('the chats', () => {
  test('are the caller’s own: everybody’s first is their tenant’s `general`', async () => {
    const { json } = await ada.get('/api/chats');
    expect(json).toEqual({
      chats: [
        {
          id: 'general',
          name: 'General',
          members: [
            { id: 'ada', name: 'Ada Lovelace' },
            { id: 'ben', name: 'Ben Okafor' },
            { id: 'dana', name: 'Dana Lindqvist' },
          ],
          createdAt: expect.any(String),
        },
      ],
    });
    const ofCleo = (await cleo.get('/api/chats')).json.chats;
    expect(ofCleo.map(({ id }: { id: string }) => id)).toEqual(['general']);
    expect(namesOf(ofCleo[0])).toEqual(['Cleo Marchetti', 'Dana Lindqvist']);
  });

  test('need an account of a tenant', async () => {
    const root = await demo.signIn('root@platform.test');
    const paths = ['/api/chats', '/api/colleagues', '/api/chat/general/messages'];
    for (const path of paths) {
      expect((await new Browser(demo.url).get(path)).status).toBe(401);
      expect((await root.get(path)).status).toBe(403);
    }
    expect((await root.post('/api/chats', { name: 'x', memberIds: [] })).status).toBe(403);
  });

  test('are made with colleagues, who hear of it at once', async () => {
    const benLive = await demo.live(ben);
    const { status, json: chat } = await ada.post('/api/chats', {
      name: '  Release  ',
      memberIds: ['ben', 'ada'],
    });
    expect(status).toBe(201);
    expect(chat).toMatchObject({ name: 'Release' });
    expect(namesOf(chat)).toEqual(['Ada Lovelace', 'Ben Okafor']);
    expect(await benLive.received('chat:added')).toMatchObject({
      scope: 'user',
      data: { chatId: chat.id },
    });
    expect((await ben.get('/api/chats')).json.chats).toContainEqual(chat);
    expect((await dana.get('/api/chats')).json.chats).not.toContainEqual(chat);

    await say(ada, chat.id, 'Hello');
    await benLive.received('chat:message', ({ room }) => room === `chat:${chat.id}`);
  });

  test('take in the people of this tenant alone', async () => {
    expect((await ada.get('/api/colleagues')).json).toEqual({
      users: [
        { id: 'ben', name: 'Ben Okafor' },
        { id: 'dana', name: 'Dana Lindqvist' },
      ],
    });
    for (const stranger of ['cleo', 'root', 'nobody']) {
      const made = await ada.post('/api/chats', { name: 'x', memberIds: [stranger] });
      expect([made.status, made.json.message]).toEqual([404, 'There is no such colleague']);
      const added = await ada.post('/api/chats/general/members', { userId: stranger });
      expect([added.status, added.json.message]).toEqual([404, 'There is no such colleague']);
    }
  });

  test('refuse what is malformed, and say what', async () => {
    const nameless = await ada.post('/api/chats', { name: ' ', memberIds: ['ben'] });
    expect([nameless.status, nameless.json.message]).toEqual([
      400,
      expect.stringMatching(/^name: /),
    ]);
    const nul = await ada.post('/api/chats', { name: 'a\0b' });
    expect(nul.json.message).toBe('name: must not have a NUL character');
    const members = await ada.post('/api/chats', { name: 'x', memberIds: ['../ben'] });
    expect(members.json.message).toBe('memberIds.0: is not an id');
    expect((await ada.post('/api/chats/general/members', {})).status).toBe(400);
    expect((await ada.get('/api/chat/a%2Fb/messages')).status).toBe(400);
    expect((await ada.delete('/api/chats/general/members/%00')).status).toBe(400);
  });
});

describe('messages', () => {
  test('are numbered in their chat, and reach everyone in it with the same content', async () => {
    const chatId = await newChat(ada, ['ben']);
    const [adaLive, benLive, danaLive] = await Promise.all(
      [ada, ben, dana].map((b) => demo.live(b)),
    );
    const sent = await say(ada, chatId, 'First');
    expect(sent).toEqual({
      id: expect.any(String),
      chatId,
      seq: 1,
      userId: 'ada',
      userName: 'Ada Lovelace',
      text: 'First',
      clientMessageId: null,
      sentAt: expect.any(String),
    });
    for (const live of [adaLive, benLive]) {
      const { data, scope, room } = await live.received('chat:message');
      expect({ data, scope, room }).toEqual({
        data: { chatId, message: sent },
        scope: 'room',
        room: `chat:${chatId}`,
      });
    }
    expect((await say(ben, chatId, 'Second')).seq).toBe(2);
    expect((await ben.get(`/api/chat/${chatId}/messages`)).json.messages[0]).toEqual(sent);
    expect(danaLive.events).toEqual([]);
  });

  test('that many send at once get numbers without holes', async () => {
    const chatId = await newChat(ada, ['ben']);
    const work = Array.from({ length: 20 }, (_, i) => say(i % 2 ? ada : ben, chatId, `No. ${i}`));
    const seqs = (await Promise.all(work)).map(({ seq }) => seq);
    expect(seqs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  test('sent twice under one client id are one message; each sender has ids of their own', async () => {
    const chatId = await newChat(ada, ['ben']);
    const [first, again] = await Promise.all([
      say(ada, chatId, 'Once', 'mine-1'),
      say(ada, chatId, 'Once', 'mine-1'),
    ]);
    expect(again).toEqual(first);
    expect(first.clientMessageId).toBe('mine-1');
    expect((await say(ben, chatId, 'Mine', 'mine-1')).seq).toBe(2);
    expect((await ada.get(`/api/chat/${chatId}/messages`)).json.messages).toHaveLength(2);
  });

  test('come in pages, oldest first', async () => {
    const chatId = await newChat(ada, []);
    for (let i = 1; i <= 5; i++) await say(ada, chatId, `No. ${i}`);
    const page = async (query: string) => {
      const { json } = await ada.get(`/api/chat/${chatId}/messages?${query}`);
      return [json.messages.map(({ seq }: ChatMessage) => seq), json.hasMore];
    };
    expect(await page('')).toEqual([[1, 2, 3, 4, 5], false]);
    expect(await page('limit=2')).toEqual([[4, 5], true]);
    expect(await page('limit=2&before=4')).toEqual([[2, 3], true]);
    expect(await page('limit=2&before=2')).toEqual([[1], false]);
    expect(await page('before=1')).toEqual([[], false]);
    const wrong = await ada.get(`/api/chat/${chatId}/messages?before=0&limit=500`);
    expect(wrong.json.message).toMatch(/before: .*limit: /);
  });

  test('are text of 1 to 2000 characters', async () => {
    const send = async (body: unknown) =>
      (await ada.post('/api/chat/general/messages', body)).status;
    expect(await send({ text: ' ' })).toBe(400);
    expect(await send({ text: 'x'.repeat(2001) })).toBe(400);
    expect(await send({ text: 'x\0' })).toBe(400);
    expect(await send({ text: 7 })).toBe(400);
    expect(await send(undefined)).toBe(400);
    expect(await send({ text: 'x'.repeat(2000) })).toBe(201);
  });
});

describe('a chat that somebody is not in', () => {
  test('is as absent as one that never was', async () => {
    const chatId = await newChat(ada, ['ben']);
    for (const outsider of [dana, cleo]) {
      for (const id of [chatId, 'never-was']) {
        const answers = [
          await outsider.get(`/api/chat/${id}/messages`),
          await outsider.post(`/api/chat/${id}/messages`, { text: 'Hi' }),
          await outsider.post(`/api/chats/${id}/members`, { userId: 'dana' }),
          await outsider.delete(`/api/chats/${id}/members/ada`),
        ];
        for (const { status, json } of answers) {
          expect([status, json.message]).toEqual([404, 'There is no such chat']);
        }
      }
      const { client } = await demo.live(outsider);
      const answer = (room: string) =>
        new Promise<number>((resolve) => {
          const subscription = client.newSubscription(room);
          subscription.on('error', ({ error }) => resolve(error.code));
          subscription.on('unsubscribed', ({ code }) => resolve(code));
          subscription.on('subscribed', () => resolve(0));
          subscription.subscribe();
        });
      expect(await answer(`chat:${chatId}`)).toBe(103);
      expect(await answer('chat:never-was')).toBe(103);
    }
  });
});

describe('members', () => {
  test('who come later are told, see what was said, and hear what is said from then on', async () => {
    const chatId = await newChat(ada, []);
    await say(ada, chatId, 'Before');
    const [adaLive, danaLive] = await Promise.all([demo.live(ada), demo.live(dana)]);
    const { status, json: chat } = await ada.post(`/api/chats/${chatId}/members`, {
      userId: 'dana',
    });
    expect([status, namesOf(chat)]).toEqual([201, ['Ada Lovelace', 'Dana Lindqvist']]);
    await danaLive.received('chat:added', ({ data }) => data.chatId === chatId);
    expect((await adaLive.received('chat:members')).data).toEqual({
      chatId,
      members: chat.members,
    });
    await say(ada, chatId, 'Welcome');
    await danaLive.received('chat:message', ({ data }) => data.message.text === 'Welcome');
    expect((await dana.get(`/api/chat/${chatId}/messages`)).json.messages).toHaveLength(2);
  });

  test('may be added twice, and be removed once', async () => {
    const chatId = await newChat(ada, ['ben']);
    const again = await ada.post(`/api/chats/${chatId}/members`, { userId: 'ben' });
    expect([again.status, again.json.members.length]).toEqual([201, 2]);
    expect((await ada.delete(`/api/chats/${chatId}/members/ben`)).status).toBe(200);
    const twice = await ada.delete(`/api/chats/${chatId}/members/ben`);
    expect([twice.status, twice.json.message]).toEqual([404, 'There is no such member']);
  });

  test('who are removed hear nothing more, and cannot come back', async () => {
    const chatId = await newChat(ada, ['ben', 'dana']);
    const [benLive, danaLive] = await Promise.all([demo.live(ben), demo.live(dana)]);
    await say(ada, chatId, 'All of you');
    await benLive.received('chat:message');

    const { status, json: chat } = await dana.delete(`/api/chats/${chatId}/members/ben`);
    expect([status, namesOf(chat)]).toEqual([200, ['Ada Lovelace', 'Dana Lindqvist']]);
    const secret = await say(ada, chatId, 'Without Ben');
    await danaLive.received('chat:message', ({ data }) => data.message.id === secret.id);
    expect((await danaLive.received('chat:members')).data.members).toEqual(chat.members);
    await benLive.received('chat:removed', ({ data }) => data.chatId === chatId);

    expect((await ben.get(`/api/chat/${chatId}/messages`)).status).toBe(404);
    expect((await ben.post(`/api/chat/${chatId}/messages`, { text: 'Still here?' })).status).toBe(
      404,
    );
    const typing = benLive.client.rpc('chat:typing', { chatId, isTyping: true });
    await expect(typing).rejects.toMatchObject({ code: 404 });
    const subscription = benLive.client.newSubscription(`chat:${chatId}`);
    const refused = new Promise((resolve) => subscription.on('unsubscribed', resolve));
    subscription.subscribe();
    expect(await refused).toMatchObject({ code: 103 });
    // One who connects from now on is not taken in either.
    const later = await demo.live(ben);
    await say(ada, chatId, 'Once more');
    await danaLive.received('chat:message', ({ data }) => data.message.text === 'Once more');
    await ben.post('/api/chat/general/messages', { text: 'Marker' });
    for (const live of [benLive, later]) {
      await live.received('chat:message', ({ data }) => data.message.text === 'Marker');
      expect(JSON.stringify(live.events)).not.toMatch(/Without Ben|Once more/);
    }
  });

  test('may leave; the chat ends with its last', async () => {
    const chatId = await newChat(ada, ['ben']);
    expect((await ada.delete(`/api/chats/${chatId}/members/ada`)).json.members).toHaveLength(1);
    expect((await ada.get(`/api/chat/${chatId}/messages`)).status).toBe(404);
    expect((await ben.delete(`/api/chats/${chatId}/members/ben`)).json.members).toEqual([]);
    expect(
      (await ben.get('/api/chats')).json.chats.some(({ id }: { id: string }) => id === chatId),
    ).toBe(false);
  });
});

test('somebody added and removed at the same time hears the chat if, and only if, they are in it', async () => {
  const chatId = await newChat(ada, ['dana']);
  const benLive = await demo.live(ben);
  for (let round = 1; round <= 5; round++) {
    await Promise.all([
      ada.post(`/api/chats/${chatId}/members`, { userId: 'ben' }),
      dana.delete(`/api/chats/${chatId}/members/ben`),
      ada.post(`/api/chats/${chatId}/members`, { userId: 'ben' }),
      dana.delete(`/api/chats/${chatId}/members/ben`),
    ]);
    const isMember = (await ben.get(`/api/chat/${chatId}/messages`)).status === 200;
    await say(ada, chatId, `Round ${round}`);
    await say(ada, 'general', `End of round ${round}`);
    const texts = () => benLive.events.map(({ data }) => data.message?.text);
    await benLive.received(
      'chat:message',
      ({ data }) => data.message.text === `End of round ${round}`,
    );
    expect(texts().includes(`Round ${round}`)).toBe(isMember);
  }
});

test('of changes at the same time, what is told last is what is true', async () => {
  const chatId = await newChat(ada, []);
  const live = await demo.live(ada);
  const service = demo.app.get(WebSocketService);
  const joinRoom = service.joinRoom.bind(service);
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = vi.spyOn(service, 'joinRoom').mockImplementationOnce(async (...parameters) => {
    reached.resolve();
    await released.promise;
    await joinRoom(...parameters);
  });
  const addition = ada.post(`/api/chats/${chatId}/members`, { userId: 'ben' });
  await reached.promise;
  await ada.post(`/api/chats/${chatId}/members`, { userId: 'dana' });
  released.resolve();
  await addition;
  slow.mockRestore();

  const { id } = await say(ada, chatId, 'All here?');
  await live.received('chat:message', ({ data }) => data.message.id === id);
  const told = live.events.filter(({ type }) => type === 'chat:members');
  expect(told.map(({ data }) => namesOf(data).length)).toEqual([3, 3]);
});

test('one person is in at most a hundred chats, all of which one connection follows', async () => {
  const tenantId = 'globex';
  const ids = Array.from({ length: 99 }, (_, i) => `more-${i}`);
  const { queries } = demo.database;
  await queries.insert(chats).values(ids.map((id) => ({ tenantId, id, name: id })));
  await queries
    .insert(chatMembers)
    .values(ids.map((chatId) => ({ tenantId, chatId, userId: 'cleo' })));
  const live = await demo.live(cleo);
  await say(cleo, 'more-98', 'Still heard');
  await live.received('chat:message', ({ room }) => room === 'chat:more-98');

  const { status, json } = await cleo.post('/api/chats', { name: 'One more' });
  expect([status, json.message]).toEqual([409, 'Cleo Marchetti is in 100 chats already']);
  expect((await cleo.get('/api/chats')).json.chats).toHaveLength(100);
});

describe('typing', () => {
  test('is told to the others of the chat, under the caller’s own id, and not kept', async () => {
    const chatId = await newChat(ada, ['ben']);
    const [adaLive, benLive] = await Promise.all([demo.live(ada), demo.live(ben)]);
    const offset = new Promise((resolve) => {
      benLive.client.on('publication', (publication) => resolve(publication.offset ?? 0));
    });
    await adaLive.client.rpc('chat:typing', { chatId, isTyping: true, userId: 'dana' });
    expect((await benLive.received('chat:typing')).data).toEqual({
      chatId,
      userId: 'ada',
      isTyping: true,
    });
    expect(await offset).toBe(0);
  });

  test('needs membership and well-formed data', async () => {
    const { client } = await demo.live(cleo);
    const chatId = await newChat(ada, ['ben']);
    const stranger = client.rpc('chat:typing', { chatId, isTyping: true });
    await expect(stranger).rejects.toMatchObject({ code: 404, message: 'There is no such chat' });
    const wrong = client.rpc('chat:typing', { chatId: 'general', isTyping: 'yes' });
    await expect(wrong).rejects.toMatchObject({
      code: 400,
      message: expect.stringMatching(/^isTyping: /),
    });
  });
});

test('who is in a chat’s room is shown by name', async () => {
  const chatId = await newChat(ada, ['ben']);
  const [{ client }] = [await demo.live(ada), await demo.live(ben), await demo.live(ben)];
  const { data } = await client.rpc('trunkline:presence', { room: `chat:${chatId}` });
  expect(data).toMatchObject({
    total: 2,
    members: [
      { userId: 'ada', connections: 1, info: { name: 'Ada Lovelace' } },
      { userId: 'ben', connections: 2, info: { name: 'Ben Okafor' } },
    ],
  });
});

async function newChat(owner: Browser, memberIds: string[]): Promise<string> {
  const { status, json } = await owner.post('/api/chats', { name: 'Test', memberIds });
  expect(status).toBe(201);
  return json.id;
}

async function say(browser: Browser, chatId: string, text: string, clientMessageId?: string) {
  const body = { text, ...(clientMessageId === undefined ? {} : { clientMessageId }) };
  const { status, json } = await browser.post(`/api/chat/${chatId}/messages`, body);
  expect(status).toBe(201);
  return json as ChatMessage;
}

function namesOf(chat: { members: { name: string }[] }): string[] {
  return chat.members.map(({ name }) => name);
}
