import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from '@trunkline/contract';
import type { Node, NodeOptions, Principal, UserAddress } from '@trunkline/server';
import { channelsOf, type Kind, keyOf, markOf, type Person, takenBy } from './cast.ts';

const HOOK_MS = 5;

/** The app behind the experiments on revocation: it remembers what it has taken from whom. */
export class RevocableApp {
  readonly #random: () => number;
  /** `t0/u1 chat:0`. */
  readonly #taken = new Set<string>();

  constructor(random: () => number) {
    this.#random = random;
  }

  /** What it has to say to its node. */
  get options(): Pick<NodeOptions, 'authenticate' | 'reauthorize' | 'rooms'> {
    return {
      // Reads `tenant/user@issuedAt`, or without a moment.
      authenticate: async ({ token = '' }) => {
        const [, tenant = '', user, at] = /^(\w+)\/u(\d+)(?:@(\d+))?$/.exec(token) ?? [];
        if (tenant === '') return null;
        const person = { tenant, user: Number(user) };
        const roles = this.#rolesOf(person);
        const issued = at === undefined ? {} : { issuedAt: Number(at) };
        return await this.#late({ ...addressOf(person), roles, ...issued });
      },
      reauthorize: async (principal) =>
        await this.#late({ ...principal, roles: this.#rolesOf(personOf(principal)) }),
      rooms: {
        'chat:*': { authorize: async (principal, room) => await this.#mayEnter(principal, room) },
        'team:*': {},
      },
    };
  }

  /** From here on the person has it no more; `null`: it is not for the app to know. */
  take(person: Person, wire: string | null): void {
    if (wire !== null) this.#taken.add(`${nameOf(person)} ${wire}`);
  }

  /** From here on they may have it again. */
  give(person: Person, wire: string | null): void {
    if (wire !== null) this.#taken.delete(`${nameOf(person)} ${wire}`);
  }

  #rolesOf(person: Person): string[] {
    const { role } = channelsOf(person);
    return this.#taken.has(`${nameOf(person)} ${role}`) ? [] : [role.slice('@role:'.length)];
  }

  async #mayEnter(principal: Principal, room: string): Promise<boolean> {
    const person = personOf(principal);
    const isTaken = this.#taken.has(`${nameOf(person)} ${room}`);
    return await this.#late(!isTaken && room === channelsOf(person).chat);
  }

  /** An answer of its database: what was so when it was asked, a moment later. */
  async #late<T>(value: T): Promise<T> {
    await sleep(this.#random() * HOOK_MS);
    return value;
  }
}

/** The name under which it is noted what is written to a person. */
export function nameOf({ tenant, user }: Person): string {
  return `${tenant}/u${user}`;
}

export function addressOf({ tenant, user }: Person): UserAddress {
  return { realm: { kind: 'tenant', tenantId: tenant }, userId: `u${user}` };
}

/** The people of a tenant, or the first ones. */
export function people(tenant: string, count: number): Person[] {
  return Array.from({ length: count }, (_, user) => ({ tenant, user }));
}

/** Has the server take it. */
export async function takeFrom({ users }: Node, kind: Kind, person: Person): Promise<void> {
  const address = addressOf(person);
  const { team, chat } = channelsOf(person);
  if (kind === 'joined room') await users.leaveRoom(address, team);
  else if (kind === 'asked room') await users.leaveRoom(address, chat);
  else if (kind === 'user') await users.disconnect(address);
  else if (kind === 'tenant') await users.disconnectRealm(address.realm);
  else await users.refreshPermissions(address);
}

/** Has the server give back what it does not find out by itself. */
export async function giveBack({ users }: Node, kind: Kind, person: Person): Promise<void> {
  if (kind === 'joined room') await users.joinRoom(addressOf(person), channelsOf(person).team);
  if (kind === 'role') await users.refreshPermissions(addressOf(person));
}

/** The text by which a publication of what was taken is known: one channel's, or those of a tenant. */
export function markOfTaken(kind: Kind, person: Person): string {
  const wire = takenBy(kind, person);
  return wire === null ? `"c":"${person.tenant}/` : markOf(keyOf(person, wire));
}

/** One of the channels that a person hears, the wider ones more often. */
export function wireAtRandom(person: Person, random: () => number): string {
  const { role, team, chat } = channelsOf(person);
  const shares = [role, role, role, team, team, team, chat, chat, chat, '@user', '@user', '@all'];
  return shares[Math.floor(random() * shares.length)] ?? '@all';
}

/** The channel of a key of this experiment. */
export function channelOfKey(key: string): Channel {
  const [tenantId = '', name = '', userId = ''] = key.split('/');
  const realm = { kind: 'tenant', tenantId } as const;
  if (name === '@all') return { realm, target: { kind: 'all' } };
  if (name === '@user') return { realm, target: { kind: 'user', userId } };
  if (name.startsWith('@role:')) return { realm, target: { kind: 'role', role: name.slice(6) } };
  return { realm, target: { kind: 'room', room: name } };
}

function personOf({ realm, userId }: Principal): Person {
  const tenant = realm.kind === 'tenant' ? realm.tenantId : '';
  return { tenant, user: Number(userId.slice(1)) };
}
