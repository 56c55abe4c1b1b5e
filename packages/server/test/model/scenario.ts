import { type Channel, PLATFORM, type Target, tenantRealm } from '@trunkline/contract';
import fc from 'fast-check';

/** Someone at a client. `tenantId` `''` is the platform. */
export interface Person {
  readonly tenantId: string;
  readonly userId: string;
  readonly roles: readonly string[];
}

/** Whom a publication is for. */
export type Recipient = Exclude<Target, { kind: 'user' }> | { readonly kind: 'user' };

/** What goes wrong in the broker, once: a publish is refused or left unanswered, and so on. */
export type Fault = 'refuse' | 'store unanswered' | 'drop unanswered' | 'lose' | 'break';

/** One thing that happens. `who` counts round the cast. */
export type Step =
  | { readonly do: 'connect' | 'disconnect' | 'cut' | 'vanish'; readonly who: number }
  | { readonly do: 'subscribe' | 'unsubscribe'; readonly who: number; readonly room: string }
  /** The app puts a user into a team, or takes them out: all their tabs. */
  | { readonly do: 'move'; readonly who: number; readonly room: string }
  /** A client publishes, if it is subscribed. */
  | { readonly do: 'say'; readonly who: number; readonly room: string; readonly bytes: number }
  | { readonly do: 'expire'; readonly who: number; readonly inMs: number }
  | { readonly do: 'stall'; readonly who: number; readonly ms: number }
  | {
      readonly do: 'publish';
      /** Inside whose realm, and, to a user, to whom. */
      readonly who: number;
      readonly to: Recipient;
      readonly count: number;
      readonly bytes: number;
      /** Conflation keys, one after the other. */
      readonly keys: readonly (string | null)[];
      readonly isVolatile: boolean;
    }
  | { readonly do: 'fault'; readonly fault: Fault }
  | { readonly do: 'cut all' | 'settle' }
  | { readonly do: 'wait'; readonly ms: number };

/** A story: who is in it, what happens, and the seed of all that is left to chance. */
export interface Scenario {
  readonly cast: readonly Person[];
  readonly steps: readonly Step[];
  readonly seed: number;
  /** How much may wait for its turn: what comes on top is lost, and a gap where there is history. */
  readonly maxBacklogBytes: number;
}

/** One name is the beginning of the other, and all tenants have the same users and rooms. */
export const TENANT_IDS: readonly string[] = ['acme', 'acme-eu', ''];
const USER_IDS = ['ada', 'bob', 'ada/bob'];
const ADMINS = 'admins';
/** Rooms that keep who is there, and whose members may publish. */
export const PRESENCE_ROOMS: readonly string[] = ['chat:1', 'chat:2'];
const OPEN_ROOMS = [...PRESENCE_ROOMS, 'fleeting:1'];
const ROLE_ROOM = 'ops:1';
/** Rooms that only the server can put somebody into. */
const TEAMS = ['team:1', 'team:2'];
const FORBIDDEN_ROOMS = [...TEAMS, 'attic:1', '@all', 'tenant:acme:admins'];

/** A channel of a tenant, or of the platform. */
export function channelOf(tenantId: string, target: Target): Channel {
  return { realm: tenantId === '' ? PLATFORM : tenantRealm(tenantId), target };
}

/** The channel of a publication to someone, or to others of the same realm. */
export function channelTo({ tenantId, userId }: Person, to: Recipient): Channel {
  return channelOf(tenantId, to.kind === 'user' ? { kind: 'user', userId } : to);
}

/** May this person enter the room on its own wish? */
export function mayEnter({ roles }: Person, room: string): boolean {
  return OPEN_ROOMS.includes(room) || (room === ROLE_ROOM && roles.includes(ADMINS));
}

/** What a wish that may not come true is answered: where the server has put them, 105. */
export function refusalsOf(room: string): readonly number[] {
  return TEAMS.includes(room) ? [103, 105] : [103];
}

const who = fc.nat(11);
const room = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...OPEN_ROOMS, ROLE_ROOM) },
  { weight: 1, arbitrary: fc.constantFrom(...FORBIDDEN_ROOMS) },
);
const kind = <T extends string>(...names: T[]) => fc.constantFrom(...names);
const to: fc.Arbitrary<Recipient> = fc.oneof(
  fc.record({ kind: kind('user') }),
  fc.record({ kind: kind('all') }),
  fc.record({ kind: kind('role'), role: kind(ADMINS) }),
  fc.record({ kind: kind('room'), room: kind(...OPEN_ROOMS) }),
  fc.record({ kind: kind('room'), room: kind(...OPEN_ROOMS, ROLE_ROOM, ...TEAMS) }),
);

// Of the largest, a history keeps two, and eight fill the queue of a slow reader.
const anyBytes = fc.constantFrom(0, 0, 0, 900, 9_000);
// 12 are more than any history here keeps.
const publish: fc.Arbitrary<Step> = fc.record({
  do: kind('publish'),
  who,
  to,
  count: fc.constantFrom(1, 1, 1, 2, 3, 12),
  bytes: anyBytes,
  keys: fc.constantFrom([null], ['k1'], ['k1', 'k2', null]),
  isVolatile: fc.constantFrom(false, false, false, true),
});
// The short ones end before a client has time to bring a new token, the long ones do not.
const anyExpiry = fc.oneof(fc.integer({ min: 5, max: 90 }), fc.integer({ min: 1_300, max: 2_500 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: publish },
  { weight: 14, arbitrary: fc.record({ do: kind('subscribe'), who, room }) },
  { weight: 12, arbitrary: fc.record({ do: kind('connect'), who }) },
  { weight: 10, arbitrary: fc.record({ do: kind('wait'), ms: fc.nat(60) }) },
  { weight: 6, arbitrary: fc.record({ do: kind('unsubscribe'), who, room }) },
  { weight: 6, arbitrary: fc.record({ do: kind('cut'), who }) },
  { weight: 4, arbitrary: fc.record({ do: kind('disconnect'), who }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: kind('expire'), who, inMs: anyExpiry }),
  },
  { weight: 3, arbitrary: fc.record({ do: kind('move'), who, room: kind(...TEAMS) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: kind('fault'),
      fault: kind<Fault>('refuse', 'store unanswered', 'drop unanswered', 'lose', 'break'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: kind('say'),
      who,
      room: kind(...PRESENCE_ROOMS, ROLE_ROOM),
      bytes: anyBytes,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: kind('stall'), who, ms: fc.nat(900) }) },
  { weight: 2, arbitrary: fc.record({ do: kind('cut all') }) },
  { weight: 2, arbitrary: fc.record({ do: kind('settle') }) },
  { weight: 1, arbitrary: fc.record({ do: kind('wait'), ms: fc.constantFrom(500, 3_000) }) },
  { weight: 1, arbitrary: fc.record({ do: kind('vanish'), who }) },
);
const person: fc.Arbitrary<Person> = fc.record({
  tenantId: kind(...TENANT_IDS),
  userId: kind(...USER_IDS),
  roles: fc.subarray([ADMINS]),
});

/**
 * Scenarios of this many steps, with a cast of up to so many; what fails is cut down to the steps that it
 * needs.
 */
export function scenarios(stepCount: number, maxCast = 7): fc.Arbitrary<Scenario> {
  return fc.record({
    cast: fc.array(person, { minLength: Math.ceil(maxCast / 2), maxLength: maxCast }),
    steps: new ExactlyButShrinkable(step, stepCount),
    seed: fc.nat(2 ** 31 - 1),
    maxBacklogBytes: fc.constantFrom(Infinity, 40_000),
  });
}

/** Lists of exactly one length that shrink to shorter ones, which an array of a fixed length never does. */
export class ExactlyButShrinkable<T> extends fc.Arbitrary<T[]> {
  readonly #exactly: fc.Arbitrary<T[]>;
  readonly #atMost: fc.Arbitrary<T[]>;

  constructor(item: fc.Arbitrary<T>, length: number) {
    super();
    this.#exactly = fc.array(item, { minLength: length, maxLength: length });
    this.#atMost = fc.array(item, { maxLength: length });
  }

  generate(random: fc.Random, bias: number | undefined): fc.Value<T[]> {
    return new fc.Value(this.#exactly.generate(random, bias).value, undefined);
  }

  canShrinkWithoutContext(value: unknown): value is T[] {
    return this.#atMost.canShrinkWithoutContext(value);
  }

  shrink(value: T[], context: unknown): fc.Stream<fc.Value<T[]>> {
    return this.#atMost.shrink(value, context);
  }
}
