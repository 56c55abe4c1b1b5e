import { type Handshake, type Principal, protocolErrors } from '@trunkline/server';
import { channelOf, type Person } from './scenario.ts';

/** The longest time that a hook takes, milliseconds. */
const MAX_HOOK_MS = 8;
/** For how long a connection outlives its token, milliseconds. */
export const TOKEN_GRACE_MS = 25;
/** A connect that is still at the broker when its token ends is answered, and then closed, milliseconds. */
const CONNECTING_MS = 150;

/** The application behind a world's node: who has which token, and who is in which team. */
export class App {
  readonly #cast: readonly Person[];
  readonly #random: () => number;
  readonly #teams = new Map<string, Set<string>>();
  /** Until when the next token of an actor lasts, milliseconds from its first use. */
  readonly #nextExpiry = new Map<number, number>();
  /** By token: when it ends. */
  readonly #expiries = new Map<string, number>();
  /** By connection: when the token that it came with, or brought last, ends. */
  readonly #ends = new Map<string, number>();
  #tokens = 0;

  constructor(cast: readonly Person[], random: () => number) {
    this.#cast = cast;
    this.#random = random;
  }

  /** A new token for an actor. */
  issueToken(index: number): string {
    this.#tokens += 1;
    return `${index}/${this.#tokens}`;
  }

  /** What an actor uses next will not last longer than this. */
  expireNext(index: number, inMs: number): void {
    this.#nextExpiry.set(index, inMs);
  }

  /** From here on tokens last for ever. */
  expireNoMore(): void {
    this.#nextExpiry.clear();
  }

  /** Should this connection have ended? Named by its handshake's key. */
  isOverdue(connectionKey: string): boolean {
    return (
      (this.#ends.get(connectionKey) ?? Infinity) + TOKEN_GRACE_MS + CONNECTING_MS < Date.now()
    );
  }

  /** Puts a user into a team, or takes them out. */
  move(person: Person, room: string): void {
    const teams = this.#teamsOf(person);
    if (!teams.delete(room)) teams.add(room);
  }

  isIn(person: Person, room: string): boolean {
    return this.#teamsOf(person).has(room);
  }

  async authenticate({ token = '', headers }: Handshake): Promise<Principal | null> {
    await this.#think();
    const index = Number(token.split('/')[0]);
    const person = this.#cast[index];
    if (!person) return null;
    const expiresAt = this.#expiryOf(token, index);
    if (expiresAt <= Date.now()) throw protocolErrors.tokenExpired;
    this.#ends.set(String(headers['sec-websocket-key']), expiresAt);
    const { tenantId, userId, roles } = person;
    const { realm } = channelOf(tenantId, { kind: 'all' });
    const expiry = expiresAt === Infinity ? {} : { expiresAt };
    return { userId, realm, roles, claims: index, ...expiry };
  }

  async roomsOf({ claims }: Principal): Promise<readonly string[]> {
    const rooms = [...this.#teamsOf(this.#cast[Number(claims)])];
    await this.#think();
    return rooms;
  }

  /** What a room's rule answers, in its own time. */
  async authorize(answer: boolean): Promise<boolean> {
    await this.#think();
    return answer;
  }

  #expiryOf(token: string, index: number): number {
    const inMs = this.#nextExpiry.get(index) ?? Infinity;
    const expiresAt = this.#expiries.get(token) ?? Date.now() + inMs;
    if (expiresAt < Infinity) this.#expiries.set(token, expiresAt);
    this.#nextExpiry.delete(index);
    return expiresAt;
  }

  #teamsOf({ tenantId, userId }: Person): Set<string> {
    const key = `${tenantId} ${userId}`;
    const teams = this.#teams.get(key) ?? new Set();
    this.#teams.set(key, teams);
    return teams;
  }

  async #think(): Promise<void> {
    await delay(this.#random() * MAX_HOOK_MS);
  }
}

/** Resolves when so much time has passed. */
export async function delay(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  await promise;
}
