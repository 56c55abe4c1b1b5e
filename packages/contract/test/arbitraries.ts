import { type Channel, isUserId, PLATFORM, type Realm, type Target } from '@trunkline/contract';
import fc from 'fast-check';

const idCharacters = 'ABCXYZabcxyz0189_-'.split('');
const roomCharacters = [...idCharacters, '.', ':'];

/** Tenant ids and roles: the same pattern. */
export const plainId = fc.string({
  unit: fc.constantFrom(...idCharacters),
  minLength: 1,
  maxLength: 64,
});

/** Rooms, most of them with what could break a key: colons, dots, the server's own spellings. */
export const room = fc.oneof(
  fc.string({ unit: fc.constantFrom(...roomCharacters), minLength: 1, maxLength: 128 }),
  fc.constantFrom('u:42', 'a', ':', '::', 'p:a', 't.acme:a', 'r:admins', 'platform:admins'),
);

/** User ids of any script, most of them with separators, percent signs and other keys inside. */
export const userId = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom(...'%:./@25A3 \n\0'.split('')),
      minLength: 1,
      maxLength: 128,
    }),
    fc.constantFrom('a', '%', '%25', '%3A', 't.acme:u:1', '42:a', '@all', 'Ω', '🚀'),
  )
  .filter(isUserId);

export const realm: fc.Arbitrary<Realm> = fc.oneof(
  fc.constant(PLATFORM),
  fc
    .oneof(plainId, fc.constantFrom('p', 'a', 'acme'))
    .map((tenantId): Realm => ({ kind: 'tenant', tenantId })),
);

const target: fc.Arbitrary<Target> = fc.oneof(
  fc.constant<Target>({ kind: 'all' }),
  userId.map((id): Target => ({ kind: 'user', userId: id })),
  plainId.map((role): Target => ({ kind: 'role', role })),
  room.map((name): Target => ({ kind: 'room', room: name })),
);

export const channel: fc.Arbitrary<Channel> = fc.record({ realm, target });
