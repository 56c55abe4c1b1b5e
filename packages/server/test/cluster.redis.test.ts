// What is done to users on one node holds on the other, over a real Redis.
import { type NodeOptions, type Principal, type RoomRules } from '@trunkline/server';
import { redisBroker } from '@trunkline/server/redis';
import { describe, expect, onTestFinished, test } from 'vitest';
import { needs, ownRedisForTests, redisForTests } from '../../../test/services/for-tests.ts';
import {
  acme,
  allChannel,
  connected,
  eventOf,
  type RawClient,
  roomChannel,
  seeded,
  serve,
  type TestServer,
} from './harness.ts';

const shared = await redisForTests();
const own = ownRedisForTests();
const log = { info: () => {}, warn: () => {}, error: () => {} };
const rooms: RoomRules = { 'chat:*': { authorize: () => true } };
const ada = { realm: acme, userId: 'ada' };

async function serveTwo(
  { url, prefix }: { url: string; prefix: string },
  options: Partial<NodeOptions> = {},
): Promise<[TestServer, TestServer]> {
  const serveOne = async () =>
    await serve({ broker: redisBroker({ connection: url, prefix, log }), rooms, ...options });
  return [await serveOne(), await serveOne()];
}

async function connectedTo(servers: readonly TestServer[], token: string): Promise<RawClient[]> {
  return await Promise.all(servers.map((server) => connected(server, token)));
}

const endsOf = (clients: readonly RawClient[]) => clients.map(({ closeCode }) => closeCode);

describe('two nodes on one Redis', needs(shared), () => {
  test('rooms, permissions and the end of a user are the same on both when the calls resolve', async () => {
    let roles = ['admins'];
    const servers = await serveTwo(shared.keyspace(), {
      authenticate: () => ({ ...ada, roles }),
      reauthorize: (principal) => ({ ...principal, roles }),
    });
    const [first, second] = servers;
    const clients = await connectedTo(servers, 'any');
    await first.node.users.joinRoom(ada, 'chat:1');
    await second.node.publish(roomChannel('chat:1'), '"in"');
    for (const client of clients) await client.publication('in');
    await second.node.users.leaveRoom(ada, 'chat:1');
    roles = [];
    await first.node.users.refreshPermissions(ada);
    await first.node.publish(roomChannel('chat:1'), '"out"');
    await first.node.publish(allChannel(), '"end"');
    for (const client of clients) {
      await client.publication('end');
      expect(client.pushed).toEqual(['in', 'end']);
      const left = client.lines.flatMap(({ push }) => (push?.unsubscribe ? [push.channel] : []));
      expect(left).toEqual(['chat:1', '@role:admins']);
    }
    await second.node.users.disconnect(ada);
    await expect.poll(() => endsOf(clients)).toEqual([3503, 3503]);
    expect(servers.map(({ node }) => node.stats())).toMatchObject([
      { nodes: 2, counts: { ordersUnconfirmed: 0, clusterRefused: 0, ordersLost: 0 } },
      { nodes: 2, counts: { ordersUnconfirmed: 0, clusterRefused: 0, ordersLost: 0 } },
    ]);
  });

  test.each([21, 22, 23])(
    'joins and leaves that race on both end as Redis has kept them (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const servers = await serveTwo(shared.keyspace());
      const clients = await connectedTo(servers, 'acme/ada');
      const acts = Array.from({ length: 60 }, async () => {
        const { users } = (random() < 0.5 ? servers[0] : servers[1]).node;
        const room = `chat:${Math.floor(random() * 3)}`;
        await (random() < 0.5 ? users.joinRoom(ada, room) : users.leaveRoom(ada, room));
      });
      await Promise.all(acts);
      const kept = await servers[0].node.users.roomsOf(ada);
      for (const room of ['chat:0', 'chat:1', 'chat:2']) {
        await servers[0].node.publish(roomChannel(room), JSON.stringify(room));
      }
      for (const client of clients) {
        for (const room of kept) await client.publication(room);
        await client.ask(2, { rpc: {} }); // whatever else there is has come before its answer
        expect(new Set(client.pushed)).toEqual(new Set(kept));
        expect(client.pushed).toHaveLength(kept.length);
      }
    },
  );

  test('a stock client on a stream goes on when its requests come to the other node', async () => {
    const [first, second] = await serveTwo(shared.keyspace(), {
      rooms: { '*': { authorize: () => true, publish: 'members', payload: 'json' } },
    });
    const client = first.client(
      'acme/ada',
      { emulationEndpoint: `${second.httpUrl}/emulation` },
      { transport: 'sse' },
    );
    const room = client.newSubscription('chat:1');
    const got = eventOf<{ data: unknown }>(room, 'publication');
    room.subscribe();
    client.connect();
    await room.ready();
    await room.publish({ my: 'data' });
    expect((await got).data).toEqual({ my: 'data' });
  });

  test('under 500 publications a second who is taken out of a room elsewhere is out within a second', async () => {
    const servers = await serveTwo(shared.keyspace());
    const [first, second] = servers;
    const people = Array.from({ length: 100 }, (_, n) => ({ realm: acme, userId: `user-${n}` }));
    const clients = await Promise.all(
      people.map(({ userId }) => connected(second, `acme/${userId}`)),
    );
    await Promise.all(people.map((person) => first.node.users.joinRoom(person, 'chat:1')));
    let published = 0;
    const publishing = setInterval(() => {
      void first.node.publish(roomChannel('chat:1'), String((published += 1)));
    }, 2);
    onTestFinished(() => clearInterval(publishing));
    const latencies: number[] = [];
    for (const [n, person] of people.entries()) {
      const calledAt = performance.now();
      await first.node.users.leaveRoom(person, 'chat:1');
      latencies.push(performance.now() - calledAt);
      const client = clients[n];
      const heard = client.pushed.length;
      client.send({ id: 2, rpc: {} });
      await client.reply(2);
      // What the network had already is all that has come since.
      const ended = client.lines.findIndex(({ push }) => push?.unsubscribe !== undefined);
      expect(ended).toBeGreaterThan(0);
      expect(client.lines.slice(ended).filter(({ push }) => push?.pub)).toEqual([]);
      expect(client.pushed.length).toBeGreaterThanOrEqual(heard);
    }
    clearInterval(publishing);
    const sorted = latencies.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Infinity;
    console.log(
      `taken out of a room on the other node, under load: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, max ${at(1).toFixed(1)} ms, ${published} published`,
    );
    expect(published).toBeGreaterThan(latencies.length / 2);
    expect(at(0.99)).toBeLessThan(1_000);
    expect(at(1)).toBeLessThan(5_000);
  });

  test('who is disconnected elsewhere is out within a second', async () => {
    const servers = await serveTwo(shared.keyspace());
    const people = Array.from({ length: 100 }, (_, n) => ({ realm: acme, userId: `user-${n}` }));
    const clients = await Promise.all(
      people.map(({ userId }) => connected(servers[1], `acme/${userId}`)),
    );
    const latencies: number[] = [];
    for (const [n, person] of people.entries()) {
      const calledAt = performance.now();
      void servers[0].node.users.disconnect(person);
      expect(await clients[n].closed()).toBe(3503);
      latencies.push(performance.now() - calledAt);
    }
    const sorted = latencies.toSorted((a, b) => a - b);
    console.log(
      `disconnected on the other node: p50 ${sorted[49]?.toFixed(1)} ms, p99 ${sorted[98]?.toFixed(1)} ms, max ${sorted[99]?.toFixed(1)} ms`,
    );
    expect(sorted[98]).toBeLessThan(1_000);
  });
});

describe('two nodes whose Redis is away', { ...needs(own), timeout: 60_000 }, () => {
  test('while it does not answer a revocation holds where it is called, and says that it may not elsewhere', async () => {
    const redis = await own.start();
    const servers = await serveTwo({ url: redis.url, prefix: 'paused' });
    const [here, there] = (await connectedTo(servers, 'acme/ada')) as [RawClient, RawClient];
    redis.pause();
    const calledAt = performance.now();
    const revoking = servers[0].node.users.disconnect(ada).then(() => 'done', String);
    expect(await here.closed()).toBe(3503);
    expect(performance.now() - calledAt).toBeLessThan(1_000);
    expect(await revoking).toMatch(/Redis|broker/);
    expect(performance.now() - calledAt).toBeLessThan(10_000);
    redis.resume();
    await expect
      .poll(() => servers[0].node.users.disconnect(ada).then(() => 'done', String), {
        timeout: 20_000,
      })
      .toBe('done');
    expect(await there.closed()).toBe(3503);
  });

  test('when it comes back empty everybody is asked about again, and the nodes find each other', async () => {
    const redis = await own.start();
    const gone = new Set<string>();
    const servers = await serveTwo(
      { url: redis.url, prefix: 'killed' },
      { reauthorize: (principal: Principal) => (gone.has(principal.userId) ? null : principal) },
    );
    const [eve, ben] = [
      await connected(servers[1], 'acme/eve'),
      await connected(servers[1], 'acme/ben'),
    ];
    await redis.kill9();
    gone.add('eve');
    await redis.start();
    expect([3503, 3010]).toContain(await eve.closed()); // whichever comes first
    await expect.poll(() => servers[1].node.stats().counts.ordersLost, { timeout: 10_000 }).toBe(1);
    const order = async () => await servers[0].node.users.disconnect({ realm: acme, userId: 'x' });
    await expect.poll(() => order().then(() => 'done', String), { timeout: 20_000 }).toBe('done');
    expect(await servers[0].node.cluster.nodes()).toHaveLength(2);
    expect(ben.closeCode === null || ben.closeCode === 3010).toBe(true);
  });
});
