import { channelKey } from '@trunkline/contract';
import type { Broker, HistoryLimits, PublishOptions } from '@trunkline/server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { globex, roomChannel } from '../harness.ts';

export const room: string = channelKey(roomChannel('chat:1'));
export const otherRoom: string = channelKey(roomChannel('chat:2'));
export const foreignRoom: string = channelKey(roomChannel('chat:1', globex));

export const keep = (limits: Partial<HistoryLimits> = {}): PublishOptions => ({
  history: { size: 10, ttlMs: 60_000, maxBytes: 10_000, ...limits },
});

/** What a broker announces, with a way to wait for it. */
class Announcements {
  readonly all: { channel: string; data: string; offset: number; epoch: string }[] = [];
  #onNext = Promise.withResolvers<void>();

  add = (channel: string, { data, offset }: { data: string; offset: number }, epoch: string) => {
    this.all.push({ channel, data, offset, epoch });
    this.#onNext.resolve();
    this.#onNext = Promise.withResolvers();
  };

  data(channel: string): string[] {
    return this.all.filter((item) => item.channel === channel).map(({ data }) => data);
  }

  async of(channel: string, count: number): Promise<string[]> {
    while (this.data(channel).length < count) await this.#onNext.promise;
    return this.data(channel);
  }
}

/** What every engine promises (broker.ts). */
export function describeBroker(name: string, create: () => Broker): void {
  describe(`${name} as a broker`, () => {
    let broker: Broker;
    let announced: Announcements;

    beforeEach(async () => {
      broker = create();
      announced = new Announcements();
      await broker.start(announced.add);
    });
    afterEach(async () => {
      vi.useRealTimers();
      await broker.stop();
    });

    const publish = (data: string, options = keep(), channel = room) =>
      broker.publish(channel, data, options);
    const offsets = async (after: number | null, channel = room) =>
      (await broker.history(channel, after)).publications.map(({ offset }) => offset);

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
      expect(announced.all.map(({ offset }) => offset)).toEqual(names.map((_, index) => index + 1));
      expect(new Set(announced.all.map((item) => item.epoch))).toEqual(new Set([epoch]));
    });

    test('announces whatever is published after subscribe has resolved, and only there', async () => {
      for (let n = 0; n < 10; n += 1) {
        const channel = channelKey(roomChannel(`fresh:${n}`));
        await broker.subscribe(channel);
        await publish(`${n}`, keep(), channel);
        await publish('"elsewhere"', keep(), otherRoom);
        expect(await announced.of(channel, 1)).toEqual([`${n}`]);
      }
      await broker.stop();
      expect(announced.data(otherRoom)).toEqual([]);
    });

    test('announces nothing that is published after unsubscribe has resolved', async () => {
      await broker.subscribe(room);
      await publish('"before"');
      await announced.of(room, 1);
      await broker.unsubscribe(room);
      await publish('"after"');
      await broker.stop();
      expect(announced.data(room)).toEqual(['"before"']);
    });

    test('subscribing twice announces once', async () => {
      await broker.subscribe(room);
      await broker.subscribe(room);
      await publish('1');
      await publish('2');
      expect(await announced.of(room, 2)).toEqual(['1', '2']);
    });

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
    });

    test('keeps no more bytes than the limit, counted in UTF-8', async () => {
      for (const data of ['"äää"', '"bbb"', '"ccc"']) await publish(data, keep({ maxBytes: 13 }));
      expect(await offsets(0)).toEqual([2, 3]);
      await publish('"much too large for it"', keep({ maxBytes: 13 }));
      expect(await offsets(0)).toEqual([]);
      expect((await broker.history(room, null)).top.offset).toBe(4);
    });

    test('drops the items when the stream was silent for its age, not top and epoch', async () => {
      vi.useFakeTimers();
      const settle = async <T>(work: Promise<T>): Promise<T> => {
        await vi.advanceTimersByTimeAsync(20);
        return await work;
      };
      const { epoch } = await settle(publish('1', keep({ ttlMs: 10_000 })));
      await vi.advanceTimersByTimeAsync(9_000);
      await settle(publish('2', keep({ ttlMs: 10_000 })));
      await vi.advanceTimersByTimeAsync(9_000);
      expect(await settle(offsets(0))).toEqual([1, 2]); // the second one has renewed both
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await settle(offsets(0))).toEqual([]);
      expect((await settle(broker.history(room, null))).top).toEqual({ epoch, offset: 2 });
    });

    test('without history there is no offset, no epoch and nothing to read, only the announcement', async () => {
      await broker.subscribe(room);
      expect(await publish('1', { history: null })).toEqual({ epoch: '', offset: 0 });
      await announced.of(room, 1);
      expect(announced.all).toEqual([{ channel: room, data: '1', offset: 0, epoch: '' }]);
      expect((await broker.history(room, 0)).publications).toEqual([]);
    });

    test('a repeated idempotency key gets the first position and announces nothing', async () => {
      await broker.subscribe(room);
      const once = { ...keep(), idempotencyKey: 'import-1' };
      const [first, second] = await Promise.all([publish('1', once), publish('1', once)]);
      expect(second).toEqual(first);
      await publish('2');
      expect(await publish('1', once)).toEqual(first);
      expect(await offsets(0)).toEqual([1, 2]);
      await broker.stop();
      expect(announced.data(room)).toEqual(['1', '2']);
    });

    test('an idempotency key counts for its channel alone', async () => {
      const once = { ...keep(), idempotencyKey: 'import-1' };
      for (const channel of [room, otherRoom, foreignRoom]) {
        await publish('1', once, channel);
        expect(await offsets(0, channel)).toEqual([1]);
      }
    });
  });
}
