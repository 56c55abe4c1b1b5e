import type { HistoryLimits } from './limits.ts';
import type { Principal } from './principal.ts';

/** What a room's rule decides about one client's wish to enter. */
export interface RoomRequest {
  /** The subscription token that the client sent, if any. */
  readonly token?: string;
  /** The data that the client sent along, if any. */
  readonly data?: unknown;
}

/** What holds for the rooms whose name a pattern matches. */
export interface RoomRule {
  /** How much of the past a room keeps; `false`: nothing. Default: `limits.history`. */
  readonly history?: Partial<HistoryLimits> | false;
  /** May this principal enter? Without it no client enters on its own wish. */
  readonly authorize?: (
    principal: Principal,
    room: string,
    request: RoomRequest,
  ) => boolean | Promise<boolean>;
}

/** Rules by pattern: `*` stands for any run of characters, the first match wins. */
export type RoomRules = Readonly<Record<string, RoomRule>>;

/** Finds the rule of a room. */
export class Rooms {
  readonly #rules: readonly { pattern: RegExp; rule: RoomRule }[];

  /** Throws a `TypeError` for a pattern that no room's name can match. */
  constructor(rules: RoomRules = {}) {
    this.#rules = Object.entries(rules).map(([pattern, rule]) => ({
      pattern: compile(pattern),
      rule,
    }));
  }

  ruleOf(room: string): RoomRule | undefined {
    return this.#rules.find(({ pattern }) => pattern.test(room))?.rule;
  }
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
