import {
  type Channel,
  channelKey,
  isReservedRoom,
  isRole,
  isRoom,
  isUserId,
  PLATFORM,
  parseChannelKey,
  parseRoomAddress,
  tenantRealm,
  wireName,
} from '@trunkline/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { channel, plainId, room, userId } from './arbitraries.ts';

const acme = tenantRealm('acme');

describe('channelKey', () => {
  it.each<[string, Channel]>([
    ['t.acme:u:42', { realm: acme, target: { kind: 'user', userId: '42' } }],
    ['t.acme:u:a%3Ab%25', { realm: acme, target: { kind: 'user', userId: 'a:b%' } }],
    ['t.acme:a', { realm: acme, target: { kind: 'all' } }],
    ['t.acme:r:admins', { realm: acme, target: { kind: 'role', role: 'admins' } }],
    ['t.acme:c:chat:42', { realm: acme, target: { kind: 'room', room: 'chat:42' } }],
    ['p:u:42', { realm: PLATFORM, target: { kind: 'user', userId: '42' } }],
    ['p:a', { realm: PLATFORM, target: { kind: 'all' } }],
    ['t.p:a', { realm: tenantRealm('p'), target: { kind: 'all' } }],
  ])('%s', (key, of) => {
    expect(channelKey(of)).toBe(key);
    expect(parseChannelKey(key)).toEqual(of);
  });

  it('gives back the channel it was built from', () => {
    fc.assert(
      fc.property(channel, (of) => {
        expect(parseChannelKey(channelKey(of))).toEqual(of);
      }),
      { numRuns: 2000 },
    );
  });

  it('is never shared by two channels', () => {
    fc.assert(
      fc.property(channel, channel, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        expect(channelKey(one) === channelKey(other)).toBe(isSame);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps a user of any script, with any separator, inside the own realm and kind', () => {
    fc.assert(
      fc.property(userId, (id) => {
        const key = channelKey({ realm: acme, target: { kind: 'user', userId: id } });
        expect(key.split(':')).toHaveLength(3);
        expect(key).toMatch(/^t\.acme:u:[\x21-\x7e]+$/);
      }),
    );
  });

  it.each<[string, unknown]>([
    ['an empty tenant', { realm: { kind: 'tenant', tenantId: '' }, target: { kind: 'all' } }],
    [
      'a tenant with a colon',
      { realm: { kind: 'tenant', tenantId: 'a:a' }, target: { kind: 'all' } },
    ],
    ['no tenant', { realm: { kind: 'tenant' }, target: { kind: 'all' } }],
    ['an empty user', { realm: acme, target: { kind: 'user', userId: '' } }],
    ['no user', { realm: acme, target: { kind: 'user', userId: undefined } }],
    ['half a surrogate pair', { realm: acme, target: { kind: 'user', userId: 'a\ud83d' } }],
    ['a role with a colon', { realm: acme, target: { kind: 'role', role: 'admins:all' } }],
    ['a room with a space', { realm: acme, target: { kind: 'room', room: 'chat 42' } }],
    ['a room with a slash', { realm: acme, target: { kind: 'room', room: 'chat/42' } }],
  ])('is refused for %s', (_, of) => {
    expect(() => channelKey(of as Channel)).toThrow(TypeError);
  });
});

describe('parseChannelKey', () => {
  it('never reads a key that channelKey would write differently', () => {
    const pieces = [
      'p',
      't.',
      'acme',
      ':',
      ':u:',
      ':a',
      ':r:',
      ':c:',
      '%',
      '%41',
      '%3a',
      '%3A',
      'é',
    ];
    const almostKey = fc.array(fc.constantFrom(...pieces), { maxLength: 6 });
    const anything = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      almostKey.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const parsed = parseChannelKey(text);
        if (parsed) expect(channelKey(parsed)).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    '',
    'a',
    'p',
    'p:',
    'p:x',
    'p:a:',
    'p:a:b',
    'p:u',
    'p:u:',
    'p:u:a:b',
    'p:u:%41',
    'p:u:%3a',
    'p:u:%',
    'p:u:%ff',
    'p:r:',
    'p:r:a:b',
    'p:c:',
    'p:c:chat 42',
    'p:a\n',
    'p:c:chat\n',
    't:a',
    't.:a',
    't.a.b:a',
    't.acme:a:',
    'P:a',
    ' p:a',
  ])('gives null for %j', (key) => {
    expect(parseChannelKey(key)).toBeNull();
  });
});

describe('ids', () => {
  it('takes a user id of up to 128 bytes', () => {
    expect(isUserId('x'.repeat(128))).toBe(true);
    expect(isUserId('x'.repeat(129))).toBe(false);
    expect(isUserId('é'.repeat(64))).toBe(true);
    expect(isUserId('é'.repeat(65))).toBe(false);
    expect(isUserId('🚀'.repeat(32))).toBe(true);
    expect(isUserId('🚀'.repeat(33))).toBe(false);
    expect(isUserId('%'.repeat(128))).toBe(true);
  });

  it.each([undefined, null, '', 0, 42, {}, [], ['42'], Number.NaN, '\ud800', 'a\udc00b'])(
    'takes %j for no user id',
    (id) => {
      expect(isUserId(id)).toBe(false);
    },
  );

  it('agrees with TextEncoder on the size of a user id', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 80 }), (id) => {
        expect(isUserId(id)).toBe(new TextEncoder().encode(id).length <= 128);
      }),
    );
  });

  it('takes a role or a room for what its pattern says, and nothing else', () => {
    fc.assert(fc.property(plainId, (role) => isRole(role)));
    fc.assert(fc.property(room, (name) => isRoom(name)));
    for (const bad of [undefined, null, 7, '', 'a b', 'a\n', 'é', 'x'.repeat(129), '@user']) {
      expect(isRole(bad)).toBe(false);
      expect(isRoom(bad)).toBe(false);
    }
    expect(isRole('x'.repeat(64))).toBe(true);
    expect(isRole('x'.repeat(65))).toBe(false);
    expect(isRoom('x'.repeat(128))).toBe(true);
  });
});

describe('wireName', () => {
  it.each([
    ['@user', { kind: 'user', userId: '42' }],
    ['@all', { kind: 'all' }],
    ['@role:admins', { kind: 'role', role: 'admins' }],
    ['chat:42', { kind: 'room', room: 'chat:42' }],
  ] as const)('%s', (name, target) => {
    expect(wireName(target)).toBe(name);
  });

  it('says of a user only that it is the own channel', () => {
    fc.assert(fc.property(userId, (id) => wireName({ kind: 'user', userId: id }) === '@user'));
  });

  it('keeps rooms apart from the channels that begin with @', () => {
    fc.assert(fc.property(room, (name) => !wireName({ kind: 'room', room: name }).startsWith('@')));
  });
});

describe('parseRoomAddress', () => {
  it.each([
    ['platform:admins', { kind: 'role', realm: PLATFORM, role: 'admins' }],
    ['tenant:acme:admins', { kind: 'role', realm: acme, role: 'admins' }],
    ['tenant:platform:admins', { kind: 'role', realm: tenantRealm('platform'), role: 'admins' }],
    ['chat:42', { kind: 'room', room: 'chat:42' }],
    ['chat:platform:admins', { kind: 'room', room: 'chat:platform:admins' }],
    ['chat:tenant:acme:admins', { kind: 'room', room: 'chat:tenant:acme:admins' }],
    ['platform', { kind: 'room', room: 'platform' }],
    ['tenant', { kind: 'room', room: 'tenant' }],
    ['platform.admins', { kind: 'room', room: 'platform.admins' }],
    ['Tenant:acme:admins', { kind: 'room', room: 'Tenant:acme:admins' }],
    ['tenants:acme:admins', { kind: 'room', room: 'tenants:acme:admins' }],
    [':tenant:acme:admins', { kind: 'room', room: ':tenant:acme:admins' }],
  ])('reads %s', (name, address) => {
    expect(parseRoomAddress(name)).toEqual(address);
  });

  it.each([
    'tenant::admins',
    'tenant:acme',
    'tenant:acme:',
    'tenant:acme:b:c',
    'tenant:a.b:admins',
    'tenant:acme:ad.mins',
    'tenant:',
    'tenant::',
    'tenant:undefined',
    'platform:',
    'platform::',
    'platform:admins:x',
    'platform:a.b',
    `tenant:${'x'.repeat(65)}:admins`,
    '',
    '@user',
    'chat 42',
    'x'.repeat(129),
  ])('gives null for %j, never a room', (name) => {
    expect(parseRoomAddress(name)).toBeNull();
  });

  it('never makes a room of a reserved spelling, nor a role of any other', () => {
    const reserved = fc.tuple(fc.constantFrom('platform:', 'tenant:'), room).map((p) => p.join(''));
    fc.assert(
      fc.property(fc.oneof(reserved, room, fc.string()), (name) => {
        const address = parseRoomAddress(name);
        if (address) expect(address.kind).toBe(isReservedRoom(name) ? 'role' : 'room');
      }),
    );
  });

  it('reads back every role of every tenant', () => {
    fc.assert(
      fc.property(plainId, plainId, (tenantId, role) => {
        const address = parseRoomAddress(`tenant:${tenantId}:${role}`);
        // A long id and a long role together are longer than a room's name may be.
        if (`tenant:${tenantId}:${role}`.length > 128) expect(address).toBeNull();
        else expect(address).toEqual({ kind: 'role', realm: tenantRealm(tenantId), role });
      }),
    );
  });
});
