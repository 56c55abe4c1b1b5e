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

/** Takes what a client sends without waiting for an answer. What it throws is logged. */
export type SendHandler = (
  principal: Principal,
  data: unknown,
  context: CallContext,
) => void | Promise<void>;
