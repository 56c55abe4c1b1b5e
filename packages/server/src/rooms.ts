import { type HistoryLimits, resolveHistory } from './limits.ts';
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

  #find(room: string): CompiledRule | undefined {
    return this.#rules.find(({ pattern }) => pattern.test(room));
  }
}

function checkRule(pattern: string, rule: RoomRule): RoomRule {
  if (typeof rule !== 'object' || rule === null) {
    throw new TypeError(`The rule of rooms '${pattern}' must be { history?, authorize? }`);
  }
  if (rule.authorize !== undefined && typeof rule.authorize !== 'function') {
    throw new TypeError(`The authorize of rooms '${pattern}' must be a function`);
  }
  return rule;
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
