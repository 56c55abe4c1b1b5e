import { channelKey } from '@trunkline/contract';
import type { Broker, HistoryLimits, PublishOptions } from '@trunkline/server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { globex, roomChannel } from '../harness.ts';
import { Announcements, client } from './announcements.ts';
import type { TestTime } from './test-time.ts';

export const room: string = channelKey(roomChannel('chat:1'));
export const otherRoom: string = channelKey(roomChannel('chat:2'));
export const foreignRoom: string = channelKey(roomChannel('chat:1', globex));

export const keep = (limits: Partial<HistoryLimits> = {}): PublishOptions => ({
  history: { size: 10, ttlMs: 60_000, maxBytes: 10_000, ...limits },
});

/** An engine for the suite. */
export interface EngineUnderTest {
  /** Makes a broker that shares nothing with those made before. */
  readonly create: () => Broker;
  readonly time: TestTime;
}

/** What every engine promises (broker.ts). */
export function describeBroker(name: string, { create, time }: EngineUnderTest): void {
  describe(`${name} as a broker`, () => {
    let broker: Broker;
    let announced: Announcements;

    beforeEach(async () => {
      broker = create();
      announced = new Announcements();
      await broker.start(announced);
    });
    afterEach(async () => {
      vi.useRealTimers();
      await broker.stop();
    });

    const publish = (data: string, options = keep(), channel = room) =>
      broker.publish(channel, data, options);
    const offsets = async (after: number | null, channel = room) =>
      (await broker.history(channel, after)).publications.map(({ offset }) => offset);

    /** Resolves when whatever was to be announced has been. */
    const silence = async () => {
      const last = channelKey(roomChannel('last:1'));
      await broker.subscribe(last);
      await publish('"last"', keep(), last);
      await announced.of(last, 1);
      await broker.stop();
    };

    describe('publishing', () => {
      test('what is published without history comes in its turn, and leaves the stream as it is', async () => {
        await broker.subscribe(room);
        const unkept = { history: null };
        const positions = await Promise.all([
          publish('1'),
          publish('"v1"', unkept),
          publish('2'),
          publish('"v2"', unkept),
          publish('3'),
        ]);
        expect(positions.map(({ offset }) => offset)).toEqual([1, 0, 2, 0, 3]);
        expect(positions[1]).toEqual({ epoch: '', offset: 0 });
        expect(await announced.of(room, 5)).toEqual(['1', '"v1"', '2', '"v2"', '3']);
        expect(announced.all.map(({ offset }) => offset)).toEqual([1, 0, 2, 0, 3]);
        expect(announced.all[1]?.epoch).toBe('');
        expect(await offsets(0)).toEqual([1, 2, 3]);
      });

      test('numbers publications from 1 without holes, in call order though nobody awaits', async () => {
        const names = Array.from({ length: 50 }, (_, index) => `"${index}"`);
        const positions = await Promise.all(names.map((data) => publish(data, keep({ size: 50 }))));
        expect(positions.map(({ offset }) => offset)).toEqual(names.map((_, index) => index + 1));
        expect((await broker.history(room, 0)).publications.map(({ data }) => data)).toEqual(names);
        expect(await publish('"awaited"')).toMatchObject({ offset: 51 });
      });

      test('announces in offset order, under the epoch of the stream', async () => {
        await broker.subscribe(room);
        const names = Array.from({ length: 30 }, (_, index) => `"${index}"`);
        const [{ epoch }] = await Promise.all(names.map((data) => publish(data)));
        expect(await announced.of(room, 30)).toEqual(names);
        expect(announced.all.map(({ offset }) => offset)).toEqual(
          names.map((_, index) => index + 1),
        );
        expect(new Set(announced.all.map((item) => item.epoch))).toEqual(new Set([epoch]));
      });

      test('the very text, and what belongs to it, is announced and kept', async () => {
        const data = '{ "text" : "äß€😀\\n", "n":1.50 }';
        const info = client('c1', { connInfo: '{"name":"Ann"}', chanInfo: '[1]' });
        await broker.subscribe(room);
        await publish(data, { ...keep(), info, conflationKey: 'seat:7' });
        await announced.of(room, 1);
        const publication = { data, info, conflationKey: 'seat:7', offset: 1 };
        expect(announced.all[0]).toMatchObject(publication);
        expect((await broker.history(room, 0)).publications).toEqual([publication]);
      });

      test('without history there is no offset, no epoch and nothing to read, only the announcement', async () => {
        await broker.subscribe(room);
        expect(await publish('1', { history: null })).toEqual({ epoch: '', offset: 0 });
        await announced.of(room, 1);
        expect(announced.all).toEqual([{ channel: room, data: '1', offset: 0, epoch: '' }]);
        expect((await broker.history(room, 0)).publications).toEqual([]);
      });
    });

    describe('subscribing', () => {
      test('announces whatever is published after subscribe has resolved, and only there', async () => {
        for (let n = 0; n < 10; n += 1) {
          const channel = channelKey(roomChannel(`fresh:${n}`));
          await broker.subscribe(channel);
          await publish(`${n}`, keep(), channel);
          await publish('"elsewhere"', keep(), otherRoom);
          expect(await announced.of(channel, 1)).toEqual([`${n}`]);
        }
        await silence();
        expect(announced.data(otherRoom)).toEqual([]);
      });

      test('announces nothing that is published after unsubscribe has resolved', async () => {
        await broker.subscribe(room);
        await publish('"before"');
        await announced.of(room, 1);
        await broker.unsubscribe(room);
        await publish('"after"');
        await silence();
        expect(announced.data(room)).toEqual(['"before"']);
      });

      test('subscribing twice announces once', async () => {
        await broker.subscribe(room);
        await broker.subscribe(room);
        await publish('1');
        await publish('2');
        expect(await announced.of(room, 2)).toEqual(['1', '2']);
        await silence();
        expect(announced.data(room)).toEqual(['1', '2']);
      });

      test('unsubscribing from what nobody subscribed to does nothing', async () => {
        await broker.unsubscribe(room);
        await broker.subscribe(room);
        await publish('1');
        expect(await announced.of(room, 1)).toEqual(['1']);
      });

      test('many channels at once are each announced', async () => {
        const channels = Array.from({ length: 300 }, (_, n) => channelKey(roomChannel(`n:${n}`)));
        await Promise.all(channels.map((channel) => broker.subscribe(channel)));
        await Promise.all(channels.map((channel) => publish('1', keep(), channel)));
        await announced.until(() => announced.all.length === 300);
        expect(new Set(announced.all.map(({ channel }) => channel))).toEqual(new Set(channels));
      });

      test.each([
        ['t.acme:u:%7B%7D%25'],
        ['!control'],
        ['a b\tc'],
        ['}{'],
        ['{}'],
        ['{x}y'],
        ['~x'],
        ['*'],
        ['päß😀'],
      ])('a channel may be called %j: it is an opaque key', async (channel) => {
        await broker.subscribe(channel);
        await broker.subscribe(`${channel}:meta`);
        await publish('1', { ...keep(), idempotencyKey: 'k' }, channel);
        await publish('2', keep(), `${channel}:meta`);
        expect(await announced.of(channel, 1)).toEqual(['1']);
        expect(await announced.of(`${channel}:meta`, 1)).toEqual(['2']);
        expect(await offsets(0, channel)).toEqual([1]);
        await broker.addPresence(channel, client('c1'), 60_000);
        expect(await broker.presence(channel)).toEqual([client('c1')]);
      });
    });

    describe('history', () => {
      test('gives back what follows an offset, and the top alone for null', async () => {
        for (const data of ['1', '2', '3']) await publish(data);
        expect(await offsets(0)).toEqual([1, 2, 3]);
        expect(await offsets(2)).toEqual([3]);
        expect(await offsets(3)).toEqual([]);
        expect(await offsets(99)).toEqual([]);
        const { publications, top } = await broker.history(room, null);
        expect(publications).toEqual([]);
        expect(top.offset).toBe(3);
      });

      test('makes the epoch when a stream is first touched, by a reader too, and keeps it', async () => {
        const { top } = await broker.history(room, null);
        expect(top).toEqual({ offset: 0, epoch: expect.stringMatching(/^[A-Za-z]{8}$/) });
        expect(await publish('1')).toEqual({ offset: 1, epoch: top.epoch });
        expect((await broker.history(room, 0)).top).toEqual({ offset: 1, epoch: top.epoch });
        expect((await broker.history(otherRoom, null)).top.epoch).not.toBe(top.epoch);
        expect((await broker.history(foreignRoom, null)).top.epoch).not.toBe(top.epoch);
      });

      test('keeps no more publications than the size, and top and epoch all the same', async () => {
        const { epoch } = await publish('1', keep({ size: 3 }));
        for (const data of ['2', '3', '4']) await publish(data, keep({ size: 3 }));
        expect(await offsets(0)).toEqual([2, 3, 4]);
        expect((await broker.history(room, null)).top).toEqual({ epoch, offset: 4 });
        await publish('5', keep({ size: 1 }));
        expect(await offsets(0)).toEqual([5]);
      });

      test('keeps no more bytes than the limit, counted in UTF-8', async () => {
        for (const data of ['"äää"', '"bbb"', '"ccc"']) {
          await publish(data, keep({ maxBytes: 13 }));
        }
        expect(await offsets(0)).toEqual([2, 3]);
        await publish('"much too large for it"', keep({ maxBytes: 13 }));
        expect(await offsets(0)).toEqual([]);
        expect((await broker.history(room, null)).top.offset).toBe(4);
        await publish('"next"', keep({ maxBytes: 13 }));
        expect(await offsets(0)).toEqual([5]);
      });

      test('counts the data alone, whoever published it', async () => {
        const info = client('c1', { connInfo: '{"name":"somebody with a long name"}' });
        for (const data of ['1111', '2222', '3333', '4444']) {
          await publish(data, { ...keep({ maxBytes: 12 }), info, conflationKey: 'k' });
        }
        expect(await offsets(0)).toEqual([2, 3, 4]);
      });

      test('limits may be infinite', async () => {
        const all = { size: Infinity, ttlMs: Infinity, maxBytes: Infinity };
        for (const data of ['1', '2', '3']) await publish(data, keep(all));
        expect(await offsets(0)).toEqual([1, 2, 3]);
      });

      test('drops the items when the stream was silent for its age, not top and epoch', async () => {
        time.begin();
        const kept = keep({ ttlMs: 10 * time.unitMs });
        const { epoch } = await time.settle(publish('1', kept));
        await time.pass(6);
        await time.settle(publish('2', kept));
        await time.pass(6);
        expect(await time.settle(offsets(0))).toEqual([1, 2]); // the second one has renewed both
        await time.pass(5);
        expect(await time.settle(offsets(0))).toEqual([]);
        expect((await time.settle(broker.history(room, null))).top).toEqual({ epoch, offset: 2 });
        await time.settle(publish('3', keep({ maxBytes: 2 })));
        expect(await time.settle(offsets(0))).toEqual([3]); // what is gone does not count any more
      });
    });

    describe('tops', () => {
      test('are where the streams stand, in the order of the question', async () => {
        await publish('1');
        await publish('2');
        await publish('1', keep(), foreignRoom);
        const tops = await broker.tops([foreignRoom, otherRoom, room]);
        expect(tops.map((top) => top?.offset)).toEqual([1, 0, 2]);
        const alone = [foreignRoom, otherRoom, room].map((channel) =>
          broker.history(channel, null),
        );
        expect(tops).toEqual((await Promise.all(alone)).map(({ top }) => top));
      });

      test('make the epoch of a stream that was never touched', async () => {
        const [top] = await broker.tops([room]);
        expect(top).toEqual({ offset: 0, epoch: expect.stringMatching(/^[A-Za-z]{8}$/) });
        expect(await publish('1')).toEqual({ offset: 1, epoch: top?.epoch });
      });

      test('can be asked of many streams at once, and of none', async () => {
        const channels = Array.from({ length: 450 }, (_, n) => channelKey(roomChannel(`n:${n}`)));
        await Promise.all(
          channels.slice(0, 400).map(async (channel, n) => {
            for (let times = 0; times <= n % 3; times += 1) await publish('1', keep(), channel);
          }),
        );
        const tops = await broker.tops(channels);
        expect(tops.map((top) => top?.offset)).toEqual(
          channels.map((_, n) => (n < 400 ? (n % 3) + 1 : 0)),
        );
        expect(await broker.tops([])).toEqual([]);
      });
    });

    describe('idempotency', () => {
      test('a repeated idempotency key gets the first position and announces nothing', async () => {
        await broker.subscribe(room);
        const once = { ...keep(), idempotencyKey: 'import-1' };
        const [first, second] = await Promise.all([publish('1', once), publish('1', once)]);
        expect(second).toEqual(first);
        await publish('2');
        expect(await publish('1', once)).toEqual(first);
        expect(await offsets(0)).toEqual([1, 2]);
        await silence();
        expect(announced.data(room)).toEqual(['1', '2']);
      });

      test('what is not kept is announced once, too', async () => {
        await broker.subscribe(room);
        const once = { history: null, idempotencyKey: 'import-1' };
        const positions = await Promise.all([publish('1', once), publish('1', once)]);
        expect(positions).toEqual([
          { epoch: '', offset: 0 },
          { epoch: '', offset: 0 },
        ]);
        await silence();
        expect(announced.data(room)).toEqual(['1']);
      });

      test('an idempotency key counts for its channel alone', async () => {
        const once = { ...keep(), idempotencyKey: 'import-1' };
        for (const channel of [room, otherRoom, foreignRoom]) {
          await publish('1', once, channel);
          expect(await offsets(0, channel)).toEqual([1]);
        }
      });
    });

    describe('broadcasts', () => {
      test('of a channel reach who has subscribed to it, in call order, and are not kept', async () => {
        await broker.subscribe(room);
        const changes = Array.from({ length: 20 }, (_, n) => ({
          kind: n % 2 === 0 ? ('join' as const) : ('leave' as const),
          info: client(`c${n}`, { connInfo: '{"name":"Ann"}' }),
        }));
        await Promise.all(changes.map((change) => broker.broadcast(room, change)));
        await broker.broadcast(otherRoom, { kind: 'join', info: client('c99') });
        await announced.until(() => announced.changes.length === 20);
        await silence();
        expect(announced.changes).toEqual(changes.map((change) => ({ channel: room, change })));
        expect(announced.data(room)).toEqual([]);
      });
    });

    describe('presence', () => {
      const present = async (channel = room) =>
        (await time.settle(broker.presence(channel))).map((info) => info.client);
      const enter = (id: string, units = 60, channel = room) =>
        time.settle(broker.addPresence(channel, client(id), units * time.unitMs));

      test('is who was named, in the order of their coming, until taken back', async () => {
        for (const id of ['c2', 'c1', 'c3']) await enter(id);
        await enter('c9', 60, foreignRoom);
        await enter('c2'); // stays where it is
        expect(await present()).toEqual(['c2', 'c1', 'c3']);
        await broker.removePresence(room, 'c1');
        await broker.removePresence(room, 'nobody');
        expect(await present()).toEqual(['c2', 'c3']);
        await enter('c1');
        expect(await present()).toEqual(['c2', 'c3', 'c1']);
        expect(await present(foreignRoom)).toEqual(['c9']);
        expect(await present(otherRoom)).toEqual([]);
      });

      test('is told as it was named last', async () => {
        const info = client('c1', { connInfo: '{"name":"Ann"}', chanInfo: '"x"', since: 7 });
        await broker.addPresence(room, client('c1'), 60_000);
        await broker.addPresence(room, info, 60_000);
        expect(await broker.presence(room)).toEqual([info]);
      });

      test('ends when nobody names it again in time', async () => {
        time.begin();
        await enter('brief', 10);
        await enter('long', 100);
        await time.pass(6);
        expect(await present()).toEqual(['brief', 'long']);
        await enter('brief', 10);
        await time.pass(6);
        expect(await present()).toEqual(['brief', 'long']);
        await time.pass(5);
        expect(await present()).toEqual(['long']);
      });

      test('of thousands is all of them', async () => {
        const ids = Array.from({ length: 2_500 }, (_, n) => `c${n}`);
        await Promise.all(ids.map((id) => broker.addPresence(room, client(id), 60_000)));
        expect((await present()).toSorted()).toEqual(ids.toSorted());
      });
    });

    describe('joins', () => {
      test('are kept in their order, each once, until taken back', async () => {
        for (const joined of ['b', 'a', 'c', 'a']) await broker.addJoin('acme/ann', joined);
        await broker.addJoin('acme/bob', 'a');
        expect(await broker.joins('acme/ann')).toEqual(['b', 'a', 'c']);
        await broker.removeJoin('acme/ann', 'b');
        await broker.removeJoin('acme/ann', 'never');
        expect(await broker.joins('acme/ann')).toEqual(['a', 'c']);
        await broker.addJoin('acme/ann', 'b');
        expect(await broker.joins('acme/ann')).toEqual(['a', 'c', 'b']);
        expect(await broker.joins('acme/bob')).toEqual(['a']);
        expect(await broker.joins('acme/nobody')).toEqual([]);
      });
    });

    describe('revocations', () => {
      const now = 1_700_000_000_000;

      test('the later moment counts, whichever comes last', async () => {
        expect(await broker.revokedAt(['u:ann'])).toBeNull();
        await broker.revoke('u:ann', now, 60_000);
        await broker.revoke('u:ann', now - 1, 60_000);
        expect(await broker.revokedAt(['u:ann'])).toBe(now);
        await broker.revoke('u:ann', now + 1, 60_000);
        expect(await broker.revokedAt(['u:ann'])).toBe(now + 1);
      });

      test('of several subjects the latest counts', async () => {
        await broker.revoke('u:ann', now, 60_000);
        await broker.revoke('t:acme', now + 5, 60_000);
        expect(await broker.revokedAt(['u:ann', 't:acme'])).toBe(now + 5);
        expect(await broker.revokedAt(['u:ann', 't:globex'])).toBe(now);
        expect(await broker.revokedAt(['t:globex'])).toBeNull();
        expect(await broker.revokedAt([])).toBeNull();
      });

      test('are forgotten after their time, the longest that was asked for', async () => {
        time.begin();
        await time.settle(broker.revoke('u:ann', now, 10 * time.unitMs));
        await time.settle(broker.revoke('u:bob', now, 10 * time.unitMs));
        await time.settle(broker.revoke('u:bob', now, 30 * time.unitMs));
        await time.settle(broker.revoke('u:bob', now, 1 * time.unitMs));
        expect(await time.settle(broker.revokedAt(['u:ann']))).toBe(now);
        await time.pass(11);
        expect(await time.settle(broker.revokedAt(['u:ann']))).toBeNull();
        expect(await time.settle(broker.revokedAt(['u:bob']))).toBe(now);
      });
    });
  });
}
