import { channelKey } from '@trunkline/contract';
import type { Broker } from '@trunkline/server';
import { describe, expect, onTestFinished, test } from 'vitest';
import { roomChannel } from '../harness.ts';
import { Announcements, client } from './announcements.ts';
import { keep, otherRoom, room } from './broker-suite.ts';

/** Makes brokers of different nodes that share one system. */
export type CreateSystem = () => () => Broker;

interface TestNode {
  readonly broker: Broker;
  readonly announced: Announcements;
}

/** What every engine promises that several nodes share. */
export function describeSharedBroker(name: string, createSystem: CreateSystem): void {
  const startNodes = async (count: number): Promise<TestNode[]> => {
    const createBroker = createSystem();
    return await Promise.all(Array.from({ length: count }, () => startNode(createBroker())));
  };

  describe(`${name} with several nodes`, () => {
    test('what one node publishes is announced on the others, in one order', async () => {
      const [first, second] = await startNodes(2);
      await Promise.all([first.broker.subscribe(room), second.broker.subscribe(room)]);
      const publish = ({ broker }: TestNode, who: string) =>
        Array.from({ length: 100 }, (_, n) => broker.publish(room, `"${who}${n}"`, keep()));
      await Promise.all([...publish(first, 'a'), ...publish(second, 'b')]);
      const heard = await first.announced.of(room, 200);
      expect(await second.announced.of(room, 200)).toEqual(heard);
      const offsets = heard.map((_, n) => n + 1);
      expect(first.announced.all.map(({ offset }) => offset)).toEqual(offsets);
      expect(second.announced.all).toEqual(first.announced.all);
    });

    test('eight nodes that publish without awaiting keep their own orders in the common one', async () => {
      const nodes = await startNodes(8);
      const [listener] = nodes;
      await listener.broker.subscribe(room);
      const limits = keep({ size: 2_000, maxBytes: 100_000 });
      await Promise.all(
        nodes.flatMap(({ broker }, who) =>
          Array.from({ length: 200 }, async (_, n) => {
            const { offset } = await broker.publish(room, `"${who}:${n}"`, limits);
            expect(offset).toBeGreaterThan(n);
          }),
        ),
      );
      const heard = await listener.announced.of(room, 1_600);
      for (let who = 0; who < 8; who += 1) {
        const own = heard.filter((data) => data.startsWith(`"${who}:`));
        expect(own).toEqual(Array.from({ length: 200 }, (_, n) => `"${who}:${n}"`));
      }
      const { publications } = await listener.broker.history(room, 0);
      expect(publications.map(({ data }) => data)).toEqual(heard);
    });

    test('a stream is the same for all of them', async () => {
      const [first, second] = await startNodes(2);
      const { top } = await first.broker.history(room, null);
      expect(await second.broker.publish(room, '1', keep())).toEqual({ ...top, offset: 1 });
      expect(await first.broker.history(room, 0)).toEqual(await second.broker.history(room, 0));
      expect(await first.broker.tops([room])).toEqual([{ ...top, offset: 1 }]);
    });

    test('an idempotency key counts on all of them', async () => {
      const nodes = await startNodes(3);
      const once = { ...keep(), idempotencyKey: 'import-1' };
      const publish = ({ broker }: TestNode) => broker.publish(room, '1', once);
      const [first, ...others] = await Promise.all([...nodes, ...nodes].map(publish));
      expect(first?.offset).toBe(1);
      expect(others).toEqual(Array(5).fill(first));
    });

    test('broadcasts reach the others', async () => {
      const [first, second] = await startNodes(2);
      await second.broker.subscribe(room);
      await first.broker.broadcast(room, { kind: 'join', info: client('c1') });
      await second.announced.until(() => second.announced.changes.length > 0);
      expect(second.announced.changes).toEqual([
        { channel: room, change: { kind: 'join', info: client('c1') } },
      ]);
    });

    test('presence, joins and revocations are known to the others', async () => {
      const [first, second] = await startNodes(2);
      await first.broker.addPresence(room, client('c1'), 60_000);
      await second.broker.addPresence(room, client('c2'), 60_000);
      expect(await second.broker.presence(room)).toEqual([client('c1'), client('c2')]);
      await second.broker.removePresence(room, 'c1');
      expect(await first.broker.presence(room)).toEqual([client('c2')]);
      await first.broker.addJoin('acme/ann', 'chat:1');
      expect(await second.broker.joins('acme/ann')).toEqual(['chat:1']);
      await first.broker.revoke('u:ann', 1_000, 60_000);
      expect(await second.broker.revokedAt(['u:ann'])).toBe(1_000);
    });

    test('another system hears and sees nothing of it', async () => {
      const [node] = await startNodes(1);
      const [stranger] = await startNodes(1);
      await Promise.all([node.broker.subscribe(room), stranger.broker.subscribe(room)]);
      await node.broker.publish(room, '"secret"', keep());
      await node.announced.of(room, 1);
      await stranger.broker.publish(room, '"own"', keep());
      expect(await stranger.announced.of(room, 1)).toEqual(['"own"']);
      expect((await stranger.broker.history(room, 0)).publications).toHaveLength(1);
    });

    test('the last call decides whether a channel is announced', async () => {
      const [node, other] = await startNodes(2);
      const { broker, announced } = node;
      const wanted = channelKey(roomChannel('wanted:1'));
      const unwanted = channelKey(roomChannel('unwanted:1'));
      const calls = [
        broker.subscribe(wanted),
        broker.unsubscribe(wanted),
        broker.subscribe(wanted),
        broker.subscribe(unwanted),
        broker.unsubscribe(unwanted),
      ];
      for (let n = 0; n < 5; n += 1) {
        // A turn later, so that the calls meet what is on its way.
        await new Promise(setImmediate);
        calls.push(broker.unsubscribe(wanted), broker.subscribe(wanted));
        calls.push(broker.subscribe(unwanted), broker.unsubscribe(unwanted));
      }
      await Promise.all([...calls, broker.subscribe(otherRoom)]);
      await other.broker.publish(unwanted, '"unwanted"', keep());
      await other.broker.publish(wanted, '"wanted"', keep());
      expect(await announced.of(wanted, 1)).toEqual(['"wanted"']);
      await other.broker.publish(otherRoom, '"last"', keep());
      await announced.of(otherRoom, 1);
      expect(announced.data(unwanted)).toEqual([]);
    });
  });
}

async function startNode(broker: Broker): Promise<TestNode> {
  const announced = new Announcements();
  await broker.start(announced);
  onTestFinished(() => broker.stop());
  return { broker, announced };
}
