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

/** Takes what a client sends without waiting for an answer. What it throws is logged. */
export type SendHandler = (
  principal: Principal,
  data: unknown,
  context: CallContext,
) => void | Promise<void>;
