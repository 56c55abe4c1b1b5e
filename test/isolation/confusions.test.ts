// Who asks for what is another realm's, in every way and at every door, and what they are answered
// (reliability.md, T33). `peer` is `ada` of tenant acme; the victims have the same ids and the same rooms.
import {
  CANCEL_OPERATION_CALL,
  CONNECTION_HEADER,
  OPERATIONS_CALL,
  PLATFORM,
  RETRY_OPERATION_CALL,
  TENANT_HEADER,
  tenantRealm,
} from '@trunkline/contract';
import { runAs } from '@trunkline/nestjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { platforms } from '../../packages/nestjs/test/harness.ts';
import { embeddedDatabase, NO_ID } from '../../packages/nestjs/test/operations-harness.ts';
import { ask, JSON_TYPE } from '../../packages/server/test/raw-stream.ts';
import { seeded } from '../../packages/server/test/seeded.ts';
import { forgeries } from './accounts.ts';
import { answerTo, CONFUSIONS, DENIED, ROOM_APIS } from './confusions.ts';
import { carryOut, DEEDS, type Order, SENDS } from './orders.ts';
import type { Peer } from './peer.ts';
import { type Person, personOf, SUPPORT_ID, vaultOf } from './people.ts';
import { Stage } from './stage.ts';
import { Tally } from './tally.ts';
import { World } from './world.ts';

const acme = tenantRealm('acme');
const ada = personOf(acme, 'ada');
/** `ada` of elsewhere: her issuer has a public key, as acme's has, under the same key id. */
const victim = personOf(tenantRealm('acme-eu'), 'ada');
/** One whose issuer has a secret. */
const secretVictim = personOf(tenantRealm('ACME'), 'ada');
const staff = personOf(PLATFORM, 'ada');
const victims: Record<string, Person> = { victim, secretVictim, staff };

const store = embeddedDatabase();
const PATIENCE = { timeout: 20_000 };

describe.each(platforms)('on %s', (platform) => {
  let world: World;
  let stage: Stage;
  /** Two connections of the same person. */
  let peer: Peer;
  let other: Peer;
  let victimPeer: Peer;

  beforeAll(async () => {
    const random = seeded(1);
    const { database } = store;
    const setup = { platform, engine: 'memory', canReauthorize: true, random, database } as const;
    world = await World.start(setup);
    stage = new Stage(world, new Tally());
    [peer, other] = world.peers.filter(({ person }) => person === ada).slice(1);
    [victimPeer] = world.peers.filter(({ person }) => person === victim);
    await connected(victimPeer);
    await connected(other);
    for (const each of [victimPeer, other]) {
      await each.ask({ subscribe: { channel: 'chat:1' } });
      await each.ask({ publish: { channel: 'chat:1', data: { type: 'note', data: 1 } } });
    }
  });

  afterAll(() => world.stop());

  /** The person's peer, connected: with a token, so that it may refresh. */
  async function connected(each: Peer): Promise<Peer> {
    if (each.isConnected) return each;
    const token = world.accounts.tokenOf(each.person);
    expect(await stage.connect(each, { token })).toMatch(/^\{"connect"/);
    return each;
  }

  const askAll = async (room: string) => {
    await connected(peer);
    const asked = Object.entries(ROOM_APIS).map(
      async ([api, command]) => [api, await peer.ask(command(room))] as const,
    );
    return Object.fromEntries(await Promise.all(asked));
  };

  /** What something costs the server. */
  async function costOf(work: () => Promise<unknown>) {
    const before = { ...world.calls };
    const answer = await work();
    const { hooks, broker } = world.calls;
    return { answer, hooks: hooks - before.hooks, broker: broker - before.broker };
  }

  describe("a room's name that is not one's own", () => {
    test.each(Object.entries(CONFUSIONS))('%s is refused at every door', async (_, confusion) => {
      for (const person of Object.values(victims)) {
        const expected = Object.keys(ROOM_APIS).map((api) => [api, answerTo(api, confusion)]);
        expect(await askAll(confusion.spell(person))).toEqual(Object.fromEntries(expected));
      }
    });

    test.each(Object.entries(CONFUSIONS))('%s is passed over in connect.subs', async (_, each) => {
      peer.hangUp();
      const asked = { [each.spell(victim)]: { recover: true, offset: 0, epoch: '' } };
      const answer = await stage.connect(peer, { subs: asked });
      const { subs } = JSON.parse(answer).connect;
      expect(Object.keys(subs)).toEqual(['@user', '@all', '@role:admins', 'team:1']);
    });

    test.each(Object.entries(ROOM_APIS))(
      '%s: forbidden and absent are the same to the byte, and cost the same calls of hooks and broker',
      async (_api, command) => {
        await connected(peer);
        const forbidden = await costOf(() => peer.ask(command(vaultOf(victim.realm))));
        const absent = await costOf(() => peer.ask(command('vault:nowhere')));
        expect(forbidden).toEqual(absent);
      },
    );
  });

  describe("another realm's place in a stream of the same name", () => {
    test('recovers nothing in a subscribe', async () => {
      await connected(peer);
      const stolen = victimPeer.positions.get('chat:1');
      const answer = await peer.ask({ subscribe: { channel: 'chat:1', recover: true, ...stolen } });
      expect(JSON.parse(answer).subscribe).toMatchObject({ was_recovering: true });
      expect(JSON.parse(answer).subscribe).not.toHaveProperty('recovered');
      expect(JSON.parse(answer).subscribe).not.toHaveProperty('publications');
    });

    test('recovers nothing in a connect', async () => {
      peer.hangUp();
      const stolen = [...victimPeer.positions].map(([name, position]) => {
        return [name, { recover: true, ...position }] as const;
      });
      const answer = await stage.connect(peer, { subs: Object.fromEntries(stolen) });
      const { subs } = JSON.parse(answer).connect;
      for (const [, result] of Object.entries(subs)) {
        expect(result).not.toHaveProperty('recovered');
        expect(result).not.toHaveProperty('publications');
      }
      expect(subs['@all']).toMatchObject({ was_recovering: true });
    });

    test('reads no history', async () => {
      await connected(peer);
      const since = victimPeer.positions.get('chat:1');
      const answer = await peer.ask({ history: { channel: 'chat:1', limit: -1, since } });
      expect(answer).toBe('{"error":{"code":112,"message":"unrecoverable position"}}');
    });
  });

  describe.each(Object.entries(forgeries))('a token with %s', (_, forge) => {
    test.each(Object.entries(victims))('opens nothing of the %s', async (_name, person) => {
      peer.hangUp();
      expect(await ended(peer, () => stage.connect(peer, { token: forge(ada, person) }))).toBe(
        3500,
      );
      await connected(peer);
      const ticket = forge(ada, person, { channel: 'ticket:1' });
      const entering = { channel: 'ticket:1', token: ticket };
      expect(await peer.ask({ subscribe: entering })).toBe(DENIED);
      expect(await peer.ask({ sub_refresh: entering })).toBe(DENIED);
      const refreshing = { refresh: { token: forge(ada, person) } };
      expect(await ended(peer, () => peer.ask(refreshing))).toBe(3500);
      const authorization = `Bearer ${forge(ada, person)}`;
      expect(await world.request(ada, '/me', { headers: { authorization } })).toMatch(/^401 /);
    });
  });

  describe('a good token of another realm', () => {
    test.each(Object.entries(victims))(
      'of the %s refreshes nothing of one here',
      async (_, who) => {
        await connected(peer);
        const token = world.accounts.tokenOf(who);
        expect(await ended(peer, () => peer.ask({ refresh: { token } }))).toBe(3500);
      },
    );

    test.each(Object.entries(victims))('of the %s opens no room here', async (_, who) => {
      await connected(peer);
      const token = world.accounts.ticketOf(who, 'ticket:1');
      const subscribing = { subscribe: { channel: 'ticket:1', token } };
      expect(await ended(peer, () => peer.ask(subscribing))).toBe(3500);
    });

    test.each(Object.entries(victims))('of the %s prolongs no room here', async (_, who) => {
      await connected(peer);
      const own = world.accounts.ticketOf(ada, 'ticket:1');
      await peer.ask({ subscribe: { channel: 'ticket:1', token: own } });
      const token = world.accounts.ticketOf(who, 'ticket:1');
      const prolonging = { sub_refresh: { channel: 'ticket:1', token } };
      expect(await ended(peer, () => peer.ask(prolonging))).toBe(3500);
    });
  });

  describe('a page that says it works in another tenant', () => {
    const data = { tenantId: 'acme-eu' };

    test('is nobody with the token of the one before, or its cookie', async () => {
      peer.hangUp();
      const token = world.accounts.tokenOf(ada);
      expect(await ended(peer, () => stage.connect(peer, { token, data }))).toBe(3500);
      expect(await ended(peer, () => stage.connect(peer, { data }))).toBe(3500);
    });

    test.each([['acme-eu'], ['nowhere'], ['platform'], ['Acme']])(
      'is nobody over HTTP, with the header %j',
      async (tenantId) => {
        const headers = { cookie: world.accounts.cookieOf(ada), [TENANT_HEADER]: tenantId };
        const answer = await world.request(ada, '/me', { headers });
        expect(answer).toBe(await world.request(ada, '/me'));
      },
    );

    test('stays who it is, whatever the URL and other headers say', async () => {
      peer.hangUp();
      const url = '/connection/websocket?tenantId=acme-eu&realm=platform&sub=bob';
      const headers = { 'x-tenant-id': 'acme-eu', 'x-forwarded-host': 'acme-eu.example' };
      const answer = await stage.connect(peer, {}, { url, headers });
      expect(JSON.parse(answer).connect.data).toEqual({ userId: 'ada', realm: acme });
    });
  });

  describe("another's stream", () => {
    const speak = async (key: object) => {
      const { status, body } = await ask(`${world.httpUrl}/emulation`, {
        method: 'POST',
        headers: { ...JSON_TYPE, origin: world.httpUrl, cookie: world.accounts.cookieOf(ada) },
        body: JSON.stringify({ data: '{"id":9,"rpc":{"method":"whoami"}}', ...key }),
      });
      return { status, body };
    };

    test('is not found by anything but its key', async () => {
      await connected(peer);
      const { key = '', node = '' } = victimPeer.session ?? {};
      const tries = [
        { session: victimPeer.clientId, node },
        { session: peer.clientId, node },
        { session: key.toLowerCase(), node },
        { session: key, node: 'another' },
        { session: `${key} `, node },
        { session: '', node },
      ];
      for (const each of tries) expect(await speak(each)).toEqual({ status: 404, body: '' });
    });

    test('is spoken for by its key, and tells its own reader alone', async () => {
      const { key, node } = victimPeer.session ?? {};
      const answered = victimPeer.expect(9);
      expect(await speak({ session: key, node })).toEqual({ status: 204, body: '' });
      const is = world.secrets.marker('answer', victim.realm);
      expect(await answered).toBe(JSON.stringify({ rpc: { data: { userId: 'ada', is } } }));
    });
  });

  describe('a service that acts for somebody of acme', () => {
    const order: Omit<Order, 'call'> = { userId: 'ada', room: 'team:1', marker: '~none~' };
    const asAda = async (each: Order) =>
      await runAs(world.accounts.principalOf(ada), () => carryOut(world.service, each));
    const crossed = { answer: 'CROSS_TENANT' };

    describe.each([...SENDS, ...DEEDS])('%s', (call) => {
      test('of another tenant is an error by every way, and reaches neither broker nor connections', async () => {
        const tenantId = 'acme-eu';
        await connected(peer);
        const each = { ...order, call };
        const cookie = world.accounts.cookieOf(ada);
        const posting = { method: 'POST', headers: { cookie, 'content-type': 'application/json' } };
        const post = (path: string, body: object) =>
          world.request(ada, path, { ...posting, body: JSON.stringify(body) });
        const { answer, broker } = await costOf(async () => [
          await asAda({ ...each, tenantId }),
          await asAda({ ...each, tenantId, isBound: true }),
          await peer.ask({ rpc: { method: 'order', data: { ...each, tenantId } } }),
          await post('/orders', { ...each, tenantId }),
          await post(`/tenants/${tenantId}/orders`, each),
        ]);
        const body = JSON.stringify(crossed);
        expect(answer).toEqual([
          crossed,
          crossed,
          JSON.stringify({ rpc: { data: crossed } }),
          `201 ${body}`,
          `201 ${body}`,
        ]);
        expect(broker).toBe(0);
      });

      test('of a tenant or a user that there is not, is the same error', async () => {
        for (const change of [{ tenantId: 'nowhere' }, { tenantId: 'acme-eu', userId: 'nobody' }]) {
          expect(await asAda({ ...order, call, ...change })).toEqual(crossed);
        }
      });

      test('without a tenant, outside of all of them, is an error', async () => {
        const isMissing = call === 'sendToTenant' || call === 'disconnectTenant';
        const wrong = { answer: isMissing ? 'INVALID_ADDRESS' : 'TENANT_REQUIRED' };
        expect(await carryOut(world.service, { ...order, call })).toEqual(wrong);
      });
    });

    test.each([
      ['tenant:acme-eu:admins', 'CROSS_TENANT'],
      ['tenant:nowhere:admins', 'CROSS_TENANT'],
      ['tenant::admins', 'INVALID_ADDRESS'],
      ['tenant:acme-eu:chat:1', 'INVALID_ADDRESS'],
      ['platform:a:b', 'INVALID_ADDRESS'],
      ['@all', 'INVALID_ADDRESS'],
    ])('sendToRoom(%j) is an error', async (room, answer) => {
      expect(await asAda({ ...order, call: 'sendToRoom', room })).toEqual({ answer });
    });

    test('a user of another realm is like one that nobody has', async () => {
      const asStaff = async (userId: string, call: Order['call']) =>
        await costOf(() =>
          runAs(world.accounts.principalOf(staff), () =>
            carryOut(world.service, { ...order, call, userId }),
          ),
        );
      for (const call of ['sendToUser', 'disconnectUser', 'refreshPermissions'] as const) {
        expect(await asStaff(SUPPORT_ID, call)).toEqual(await asStaff('nobody', call));
      }
    });

    test('its events do not pass for those of a page of another realm', async () => {
      const before = world.wiretap.frames;
      const sent = await world.request(ada, '/orders', {
        method: 'POST',
        headers: {
          cookie: world.accounts.cookieOf(ada),
          'content-type': 'application/json',
          [CONNECTION_HEADER]: victimPeer.clientId,
        },
        body: JSON.stringify({
          ...order,
          call: 'sendToUser',
          marker: world.secrets.marker('event', acme),
        }),
      });
      expect(sent).toBe('201 {"answer":"accepted"}');
      expect(world.wiretap.frames).toBeGreaterThan(before + 1); // the wiretap knows whose id that is
    });
  });

  describe("another realm's operation, that is everybody's there", () => {
    let ids: string[] = [];
    let end = () => {};

    beforeEach(async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const starting = Object.values(victims).map((person) =>
        runAs(world.accounts.principalOf(person), async () => {
          const label = world.secrets.marker('page', person.realm);
          const options = { audience: 'tenant', label, labels: { label } } as const;
          const { id } = await world.operations.start('export', options, () => promise);
          return id;
        }),
      );
      ids = await Promise.all(starting);
      end = resolve;
      await vi.waitUntil(() => world.operations.stats.unpublished === 0, PATIENCE);
    });

    afterEach(async () => {
      end();
      await vi.waitUntil(() => {
        const { running, unpublished } = world.operations.stats;
        return running + unpublished === 0;
      }, PATIENCE);
    });

    const request = (path: string, method = 'GET', headers = {}) =>
      world.request(ada, path, {
        method,
        headers: { cookie: world.accounts.cookieOf(ada), ...headers },
      });

    const doors: [door: string, open: (id: string) => Promise<string>][] = [
      ['GET /operations/:id', (id) => request(`/operations/${id}`)],
      ['GET /operations/:id/wait', (id) => request(`/operations/${id}/wait?timeout=0`)],
      ['POST /operations/:id/cancel', (id) => request(`/operations/${id}/cancel`, 'POST')],
      ['POST /operations/:id/retry', (id) => request(`/operations/${id}/retry`, 'POST')],
      [
        CANCEL_OPERATION_CALL,
        (id) => peer.ask({ rpc: { method: CANCEL_OPERATION_CALL, data: { id } } }),
      ],
      [
        RETRY_OPERATION_CALL,
        (id) => peer.ask({ rpc: { method: RETRY_OPERATION_CALL, data: { id } } }),
      ],
    ];

    test.each(doors)(
      '%s: forbidden and absent are the same to the byte, and cost the same calls of hooks and broker',
      async (_, open) => {
        await connected(peer);
        const absent = await costOf(() => open(NO_ID));
        expect(absent.answer).toMatch(/^404 |"code":103,/);
        // oxlint-disable-next-line no-await-in-loop -- what each of them costs
        for (const id of ids) expect(await costOf(() => open(id))).toEqual(absent);
      },
    );

    test.each(['', 'ownerId=ada', 'type=export', `before=${NO_ID.replace('01', '7Z')}`])(
      'is in no list, asked for by %j',
      async (query) => {
        await connected(peer);
        const data = { ...Object.fromEntries(new URLSearchParams(query)), tenantId: 'acme-eu' };
        const called = await peer.ask({ rpc: { method: OPERATIONS_CALL, data } });
        expect(JSON.parse(called).rpc.data.operations).toEqual([]);
        expect(await request(`/operations?${query}`)).toMatch(/^200 {"operations":\[\],/);
        const [id] = ids;
        expect(await request(`/operations?parentId=${id}`)).toMatch(/^200 {"operations":\[\],/);
      },
    );

    test('is not there for a service that acts for ada, nor for ada of another realm', async () => {
      const { operations } = world;
      const [id = ''] = ids;
      const tenantId = 'acme-eu';
      await runAs(world.accounts.principalOf(ada), async () => {
        const absent = { code: 'OPERATION_NOT_FOUND' };
        await expect(operations.get(id)).rejects.toMatchObject(absent);
        await expect(operations.cancel(id)).rejects.toMatchObject(absent);
        const crossing = { code: 'CROSS_TENANT' };
        await expect(operations.get(id, { tenantId })).rejects.toMatchObject(crossing);
        await expect(operations.list({}, { tenantId })).rejects.toMatchObject(crossing);
        await expect(operations.start('export', { tenantId })).rejects.toMatchObject(crossing);
      });
    });

    test('is nobody’s with the header of its tenant', async () => {
      const [id] = ids;
      const posing = await request(`/operations/${id}`, 'GET', { [TENANT_HEADER]: 'acme-eu' });
      expect(posing).toBe(await world.request(ada, `/operations/${id}`));
      expect(posing).toMatch(/^401 /);
    });
  });

  test('nothing of it has leaked, and nothing had to be stopped', () => {
    expect([...world.wiretap.leaks.keys()]).toEqual([]);
    expect(world.node.stats().counts.isolationViolations).toBe(0);
    expect(world.errors).toEqual([]);
    expect(world.wiretap.frames).toBeGreaterThan(100);
  });
});

/** The code that a peer's connection ends with through this. */
async function ended(peer: Peer, work: () => Promise<string>): Promise<number> {
  peer.mayEnd(3500);
  const answer = await work();
  return Number(/^closed (\d+)$/.exec(answer)?.[1]);
}
