// The browser's part against the real server: what the client's own tests take for granted.
import { tenantRealm } from '@trunkline/contract';
import { ProtocolError, type RoomRules } from '@trunkline/server';
import { beforeEach, expect, test, vi } from 'vitest';
import { open, until } from './office.ts';

const ROOM = 'chat:42';
const as = (userId: string) => ({ realm: tenantRealm('acme'), userId });

/** Who may enter by themselves. */
let members: Set<string>;

const rooms: RoomRules = {
  'chat:*': {
    authorize: ({ userId }) => members.has(userId),
    history: { size: 3 },
    presence: true,
    joinLeave: true,
    typing: true,
    publish: 'members',
  },
};

/** Ada asks to enter, ben has been put in. */
async function meet() {
  members = new Set(['ada']);
  const office = await open({ rooms });
  await office.node.users.joinRoom(as('ben'), ROOM);
  const [ada, ben] = [office.page('ada'), office.page('ben')];
  const [atAda, atBen] = [ada.enter(ROOM), ben.enter(ROOM)];
  await Promise.all([atAda.status('joined'), atBen.status('joined')]);
  return { office, ada, ben, atAda, atBen };
}

test('one who asks to enter and one who is put in: messages, presence, typing', async () => {
  const { office, atAda, atBen } = await meet();
  await Promise.all([atAda.people('ada 1', 'ben 1'), atBen.people('ada 1', 'ben 1')]);
  await office.say(ROOM, 'hello');
  await Promise.all([atAda.text('hello'), atBen.text('hello')]);
  await atAda.room.publish({ type: 'chat:message', data: { text: 'from ada' } });
  await atBen.text('from ada');
  atAda.typing.set(true);
  atBen.typing.set(true);
  await until(atBen.typing.users, (users) => users.join() === 'ada');
  await until(atAda.typing.users, (users) => users.join() === 'ben');
  atAda.typing.set(false);
  await until(atBen.typing.users, (users) => users.length === 0);
  expect([...atAda.gaps, ...atBen.gaps, ...atAda.replayed]).toEqual([]);
});

test('another tab of one’s is no other member, and goes when it is closed', async () => {
  const { office, atBen } = await meet();
  const second = office.page('ada');
  const atSecond = second.enter(ROOM);
  await atSecond.people('ada 2', 'ben 1');
  await atBen.people('ada 2', 'ben 1');
  second.close();
  await atBen.people('ada 1', 'ben 1');
  expect(atBen.room.presence.state.get().total).toBe(2);
});

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => {}));

test('taken out: nothing more arrives, the others see it, and nobody comes back by themselves', async () => {
  const { office, atAda, atBen } = await meet();
  await atAda.people('ada 1', 'ben 1');
  await office.node.users.leaveRoom(as('ben'), ROOM);
  await office.say(ROOM, 'without ben');
  await atBen.status('denied');
  await atAda.text('without ben');
  await atAda.people('ada 1');
  expect(atBen.room.presence.state.get().isLoaded).toBe(false);
  expect(atBen.texts).toEqual([]);
  await office.node.users.joinRoom(as('ben'), ROOM);
  await atBen.status('joined');
  await atAda.people('ada 1', 'ben 1');
});

test('a client that is taken out stays out, until its membership is back', async () => {
  const { office, ada, atAda } = await meet();
  members.clear();
  await office.node.users.leaveRoom(as('ada'), ROOM);
  await atAda.status('denied');
  await expect(
    atAda.room.publish({ type: 'chat:message', data: { text: 'still here' } }),
  ).rejects.toMatchObject({ reason: 'forbidden' });
  members.add('ada');
  await office.cut(ada);
  office.mend(ada);
  await atAda.status('joined');
});

test('what was missed is replayed; what is gone by then is a gap', async () => {
  const { office, ada, ben, atAda, atBen } = await meet();
  await office.say(ROOM, 'one');
  await Promise.all([atAda.text('one'), atBen.text('one')]);
  const away = async (...missed: string[]) => {
    await office.cut(ada, ben);
    for (const text of missed) {
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await office.say(ROOM, text);
    }
    office.mend(ada, ben);
    await Promise.all([atAda.status('joined'), atBen.status('joined')]);
  };
  await away('two', 'three');
  await Promise.all([atAda.text('three'), atBen.text('three')]);
  for (const { texts, replayed, gaps } of [atAda, atBen]) {
    expect([texts, replayed, gaps]).toEqual([['one', 'two', 'three'], ['two', 'three'], []]);
  }
  await away('a', 'b', 'c', 'd');
  await until(ben.client.state, ({ status }) => status !== 'syncing');
  await office.say(ROOM, 'last');
  await Promise.all([atAda.text('last'), atBen.text('last')]);
  const gap = [{ channels: [ROOM] }];
  expect([atAda.gaps, atBen.gaps]).toEqual([gap, gap]);
  expect(atAda.texts).toEqual(['one', 'two', 'three', 'last']);
});

test('put in while away: one subscription, the server’s, and a gap', async () => {
  const { office, ada, atAda } = await meet();
  await office.cut(ada);
  await office.node.users.joinRoom(as('ada'), ROOM);
  office.mend(ada);
  await atAda.status('joined');
  await office.say(ROOM, 'hello');
  await atAda.text('hello');
  expect(atAda.texts).toEqual(['hello']);
  expect(atAda.gaps).toEqual([{ channels: [ROOM] }]);
  members.clear();
  // a client's own subscription would have to ask again
  expect(atAda.room.status.get()).toBe('joined');
  await office.node.users.leaveRoom(as('ada'), ROOM);
  await atAda.status('denied');
});

test('leaves with the last who was in it', async () => {
  const { atAda, atBen } = await meet();
  await atBen.people('ada 1', 'ben 1');
  atAda.leave();
  await atBen.people('ben 1');
  expect(atAda.room.status.get()).toBe('idle');
});

test('calls', async () => {
  members = new Set();
  const office = await open({
    rpc: {
      'app:whoami': ({ userId }) => userId,
      'app:rename': () => {
        throw new ProtocolError(400, 'name: expected a string');
      },
      'app:break': () => {
        throw new Error('secret');
      },
    },
  });
  const { client } = office.page('ada');
  expect(await client.call('app:whoami')).toBe('ada');
  await expect(client.call('app:rename', { name: 7 })).rejects.toMatchObject({
    reason: 'bad-argument',
    message: 'name: expected a string',
  });
  await expect(client.call('app:break')).rejects.toMatchObject({
    reason: 'failed',
    message: 'internal server error',
  });
  await expect(client.call('app:none')).rejects.toMatchObject({ reason: 'not-found' });
  await expect(client.call('trunkline:presence', { room: ROOM })).rejects.toMatchObject({
    reason: 'forbidden',
  });
});

test('revoked: the page is told to log in, and its rooms are over', async () => {
  const { office, ada, atAda, atBen } = await meet();
  await atBen.people('ada 1', 'ben 1');
  await office.node.users.disconnect(as('ada'));
  await until(ada.client.state, ({ status }) => status === 'auth-failed');
  expect(atAda.room.status.get()).toBe('idle');
  await atBen.people('ben 1');
});
