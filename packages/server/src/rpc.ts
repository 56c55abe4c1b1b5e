import { PRESENCE_CALL, TYPING_CALL } from '@trunkline/contract';
import type { Principal } from './principal.ts';

/** Which connection a call came over. */
export interface CallContext {
  readonly clientId: string;
}

/**
 * Answers one method. What it returns goes to the client as JSON; a thrown `ProtocolError` goes there
 * as it is (codes 400 to 1999 are the app's), whatever else it throws is logged and becomes error 100.
 */
export type RpcHandler = (principal: Principal, data: unknown, context: CallContext) => unknown;

/** Handlers by method. */
export type RpcHandlers = Readonly<Record<string, RpcHandler>>;

/** Is it one of the methods that the server itself answers? */
export function isOwnMethod(method: string): boolean {
  return method.startsWith('trunkline:');
}

/** Throws a `TypeError` for a handler that would never be called. `null`: there are none. */
export function checkHandlers(handlers: RpcHandlers | undefined): RpcHandlers | null {
  const own = Object.keys(handlers ?? {}).find(isOwnMethod);
  if (own === undefined) return handlers ?? null;
  throw new TypeError(
    `rpc methods "trunkline:…" are Trunkline's own, got ${JSON.stringify(own)}: give yours another name`,
  );
}

/** Methods that sessions answer themselves. */
const OF_SESSIONS: ReadonlySet<string> = new Set([PRESENCE_CALL, TYPING_CALL]);

/** What else is known of a method of another package of Trunkline. */
export interface OwnMethodOptions {
  /**
   * Does a call of it change something? Then it may be refused for the tenant's bytes per second only
   * before it is done, and its answer is a small one. Default `false`.
   */
  readonly hasEffect?: boolean;
}

/** A method of another package of Trunkline. */
interface OwnMethod extends Required<OwnMethodOptions> {
  readonly handler: RpcHandler;
}

/**
 * Methods `trunkline:…` that other packages of Trunkline answer: the node knows nothing of what they are
 * about. They are answered as the app's are, within the time of a hook.
 */
export class OwnMethods {
  readonly #methods = new Map<string, OwnMethod>();

  /** Throws a `TypeError` for a method that is an app's to name, or has an answer. */
  answer(method: string, handler: RpcHandler, { hasEffect = false }: OwnMethodOptions = {}): void {
    if (!isOwnMethod(method)) {
      throw new TypeError(
        `Only methods "trunkline:…" are answered here, got ${JSON.stringify(method)}: the app's own are in the option rpc`,
      );
    }
    if (OF_SESSIONS.has(method) || this.#methods.has(method)) {
      throw new TypeError(`Calls of ${JSON.stringify(method)} have an answer already`);
    }
    this.#methods.set(method, { handler, hasEffect });
  }

  /** Who answers; `undefined`: nobody. */
  get(method: string): OwnMethod | undefined {
    return this.#methods.get(method);
  }
}

/** Takes what a client sends without waiting for an answer. What it throws is logged. */
export type SendHandler = (
  principal: Principal,
  data: unknown,
  context: CallContext,
) => void | Promise<void>;
