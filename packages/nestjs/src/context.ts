import { AsyncLocalStorage } from 'node:async_hooks';
import type { Principal } from '@trunkline/server';

/** On whose behalf the code of this moment runs. */
export interface Context {
  /** Who acts; `null`: nobody is known (yet). */
  readonly principal: Principal | null;
  /** Inside `runAsPlatform`: every tenant may be addressed, none is the default. */
  readonly isPrivileged: boolean;
  /** Client id of the connection that belongs to the page behind this HTTP request. */
  readonly origin?: string;
}

// Free functions (`runAs`, `currentPrincipal`) need one place that is the same for all of them.
const storage = new AsyncLocalStorage<Context>();

/** The context of this moment; `undefined` outside any request, hook or `runAs`. */
export function currentContext(): Context | undefined {
  return storage.getStore();
}

/** Runs a function, and everything that it awaits, in a context. */
export function runInContext<T>(context: Context, fn: () => T): T {
  return storage.run(context, fn);
}

/**
 * The principal that this code acts for; `null` outside any context, or in an HTTP request of
 * nobody.
 */
export function currentPrincipal(): Principal | null {
  return storage.getStore()?.principal ?? null;
}

/** Runs a function, and everything that it awaits, as this principal. */
export function runAs<T>(principal: Principal, fn: () => T): T {
  return storage.run({ principal, isPrivileged: false }, fn);
}

/**
 * Runs a function with the platform's reach: inside, a send may address any tenant, and must say
 * which one. The principal stays who it was.
 */
export function runAsPlatform<T>(fn: () => T): T {
  return storage.run({ principal: currentPrincipal(), isPrivileged: true }, fn);
}
