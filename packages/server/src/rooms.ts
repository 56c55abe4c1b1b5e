import { isEventType } from '@trunkline/contract';
import type { HistoryLimits } from './limits.ts';
import type { Principal } from './principal.ts';
import { resolveHistory } from './resolve-limits.ts';

/** What a room's rule decides about one client's wish to enter. */
export interface RoomRequest {
  /** The subscription token that the client sent, if any. */
  readonly token?: string;
  /** The data that the client sent along, if any. */
  readonly data?: unknown;
  /** The client's id, which a subscription token may be bound to. */
  readonly clientId: string;
}

/** What a client brought along to be let in. */
export type Credentials = Pick<RoomRequest, 'token' | 'data'>;

/** A yes with conditions. */
export interface RoomGrant {
  /**
   * When the subscription ends, milliseconds since 1970. A client that came with a token is told to
   * bring a new one before; another asks anew when it has ended. Default: with the connection.
   */
  readonly expiresAt?: number;
  /**
   * What others may see of this subscription, in presence and beside what it publishes: at most 2 KiB
   * of JSON.
   */
  readonly info?: unknown;
}

/** A rule's answer: `true` or a grant opens the door, anything else does not. */
export type RoomAnswer = boolean | RoomGrant;

/**
 * What holds for the rooms whose name a pattern matches. Whatever a client may do beyond subscribing
 * is off until a rule turns it on.
 */
export interface RoomRule {
  /**
   * How much of the past a room keeps; `false`: nothing. Default: `limits.history`, for recovery
   * only. A rule that says how much lets clients read it with the `history` command too.
   */
  readonly history?: Partial<HistoryLimits> | false;
  /** Keeps who is here, and lets clients ask for it. Default `false`. */
  readonly presence?: boolean;
  /** Tells who comes and goes, to clients that want to know. Default `false`. */
  readonly joinLeave?: boolean;
  /** Lets who is subscribed tell the others that they type, with `trunkline:typing`. Default `false`. */
  readonly typing?: boolean;
  /**
   * Event types (`['chat:typing']`) that are not kept, whoever sends them: who is here gets them at most
   * once, nobody later. For what is out of date in seconds. Default: none.
   */
  readonly volatile?: readonly string[];
  /** Who of the clients may publish: nobody, or who is subscribed. Default `'none'`. */
  readonly publish?: 'none' | 'members';
  /**
   * Lets clients that ask for it have what changed since the publication before instead of the whole:
   * for payloads that are much like one another. Costs the server a comparison for each publication.
   * Default `false`.
   */
  readonly delta?: boolean;
  /**
   * What a client may publish: an event `{ type, data }`, which is put in an envelope that names its
   * sender; or any JSON, passed on as it is, for clients that are not Trunkline's. Default `'event'`.
   */
  readonly payload?: 'event' | 'json';
  /** May this principal enter? Without it no client enters on its own wish. */
  readonly authorize?: (
    principal: Principal,
    room: string,
    request: RoomRequest,
  ) => RoomAnswer | Promise<RoomAnswer>;
}

/** Rules by pattern: `*` stands for any run of characters, the first match wins. */
export type RoomRules = Readonly<Record<string, RoomRule>>;

interface CompiledRule {
  readonly pattern: RegExp;
  /** The app's own object, so that its `authorize` finds its `this`. */
  readonly rule: RoomRule;
  readonly history: HistoryLimits | null;
}

/** Finds the rule of a room. */
export class Rooms {
  readonly #rules: readonly CompiledRule[];
  readonly #history: HistoryLimits;

  /** Throws a `TypeError` or `RangeError` for a pattern, a rule or a history that cannot work. */
  constructor(rules: RoomRules, history: HistoryLimits) {
    this.#history = history;
    this.#rules = Object.entries(rules).map(([pattern, rule]) => ({
      pattern: compile(pattern),
      rule: checkRule(pattern, rule),
      history: historyOf(pattern, rule, history),
    }));
  }

  ruleOf(room: string): RoomRule | undefined {
    return this.#find(room)?.rule;
  }

  /** What a room keeps; `null`: nothing. */
  historyOf(room: string): HistoryLimits | null {
    const found = this.#find(room);
    return found ? found.history : this.#history;
  }

  /** Are events of this type volatile there? */
  isVolatile(room: string, type: string): boolean {
    return this.#find(room)?.rule.volatile?.includes(type) ?? false;
  }

  #find(room: string): CompiledRule | undefined {
    return this.#rules.find(({ pattern }) => pattern.test(room));
  }
}

/** Each field of a rule: what it must be, and how that is said. */
const FIELDS: Readonly<Record<keyof RoomRule, (value: unknown) => string | null>> = {
  history: () => null, // resolveHistory has its own words
  presence: (value) => (typeof value === 'boolean' ? null : 'true or false'),
  joinLeave: (value) => (typeof value === 'boolean' ? null : 'true or false'),
  typing: (value) => (typeof value === 'boolean' ? null : 'true or false'),
  volatile: volatileProblem,
  delta: (value) => (typeof value === 'boolean' ? null : 'true or false'),
  publish: (value) => (value === 'none' || value === 'members' ? null : "'none' or 'members'"),
  payload: (value) => (value === 'event' || value === 'json' ? null : "'event' or 'json'"),
  authorize: (value) => (typeof value === 'function' ? null : 'a function'),
};

function checkRule(pattern: string, rule: RoomRule): RoomRule {
  if (typeof rule !== 'object' || rule === null) {
    throw new TypeError(
      `The rule of rooms '${pattern}' must be { ${Object.keys(FIELDS).join('?, ')}? }`,
    );
  }
  for (const [field, problemOf] of Object.entries(FIELDS)) {
    const value: unknown = rule[field as keyof RoomRule];
    const problem = value === undefined ? null : problemOf(value);
    if (problem) throw new TypeError(`The ${field} of rooms '${pattern}' must be ${problem}`);
  }
  return rule;
}

function volatileProblem(types: unknown): string | null {
  const expected =
    'an array of event types (a-z 0-9 . _ - in segments joined by ":", no wildcards)';
  if (!Array.isArray(types)) return `${expected}, got ${typeof types}`;
  const wrong: unknown = types.find((type) => !isEventType(type));
  return wrong === undefined ? null : `${expected}, got ${JSON.stringify(wrong)}`;
}

function historyOf(
  pattern: string,
  { history }: RoomRule,
  defaults: HistoryLimits,
): HistoryLimits | null {
  if (history === false) return null;
  return resolveHistory(`The history of rooms '${pattern}'`, defaults, history);
}

function compile(pattern: string): RegExp {
  if (!/^[A-Za-z0-9_.:*-]+$/.test(pattern)) {
    throw new TypeError(
      `A room pattern is made of A-Z a-z 0-9 _ . : - and *, got ${JSON.stringify(pattern)}`,
    );
  }
  const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*');
  return new RegExp(`^${source}$`);
}
