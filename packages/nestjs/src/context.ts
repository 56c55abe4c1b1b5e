import { AsyncLocalStorage } from 'node:async_hooks';
import { checkPrincipal, type Principal } from '@trunkline/server';

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
const storage = new AsyncLocalStorage<Context | undefined>();

/** The context of this moment; `undefined` outside any request, hook or `runAs`. */
export function currentContext(): Context | undefined {
  return storage.getStore();
}

/** Runs a function, and everything that it awaits, in a context; `undefined`: outside any. */
export function runInContext<T>(context: Context | undefined, fn: () => T): T {
  return storage.run(context, fn);
}

/**
 * The principal that this code acts for; `null` outside any context, or in an HTTP request of
 * nobody.
 */
export function currentPrincipal(): Principal | null {
  return storage.getStore()?.principal ?? null;
}

/**
 * Runs a function, and everything that it awaits, as this principal. Throws a `TypeError` for one
 * that is malformed: a missing realm must not look like "may reach everybody".
 */
export function runAs<T>(principal: Principal, fn: () => T): T {
  const context = { ...originOf(), principal: checkPrincipal(principal), isPrivileged: false };
  return storage.run(context, fn);
}

/**
 * Runs a function with the platform's reach: inside, a send may address any tenant, and must say
 * which one. The principal stays who it was.
 */
export function runAsPlatform<T>(fn: () => T): T {
  const outer = storage.getStore();
  const context: Context = {
    ...originOf(),
    isPrivileged: true,
    // Asked when it is needed: in a request the principal may become known later.
    get principal() {
      return outer?.principal ?? null;
    },
  };
  return storage.run(context, fn);
}

/** The page behind the request stays the same, whoever the code acts for. */
function originOf(): Pick<Context, 'origin'> {
  const origin = storage.getStore()?.origin;
  return origin === undefined ? {} : { origin };
}
