import {
  defaultLimits,
  defaultTenantLimits,
  type HistoryLimits,
  type Limits,
  type TenantLimits,
} from './limits.ts';

const HOUR_MS = 60 * 60 * 1_000;

// What can differ from tenant to tenant.
const tenantLimitNames: readonly (keyof TenantLimits)[] = Object.keys(
  defaultTenantLimits,
) as (keyof TenantLimits)[];

/** One tenant's limits: the node's with some of them replaced. Throws a `RangeError` as `resolveLimits`. */
export function resolveTenantLimits(
  limits: Limits,
  changes: Partial<TenantLimits> = {},
): TenantLimits {
  const unknown = Object.keys(changes).filter(
    (name) => !tenantLimitNames.includes(name as keyof TenantLimits),
  );
  if (unknown.length > 0) {
    throw new RangeError(
      `limitsFor gives ${tenantLimitNames.join(', ')}; ${unknown.join(', ')} holds for the whole node`,
    );
  }
  const own = Object.fromEntries(tenantLimitNames.map((name) => [name, limits[name]]));
  return resolve('limitsFor', own as unknown as TenantLimits, changes);
}

/** The defaults with some of them replaced. Throws a `RangeError` for limits that cannot work. */
export function resolveLimits(changes: Partial<Limits> = {}): Limits {
  const { history, userHistory, ...flat } = changes;
  const limits: Limits = {
    ...resolve('limits', defaultLimits, flat),
    history: resolveHistory('limits.history', defaultLimits.history, history),
    userHistory: resolveHistory('limits.userHistory', defaultLimits.userHistory, userHistory),
  };
  checkTogether(limits);
  return limits;
}

/** What must hold between limits, and what breaks where it does not. */
function checkTogether(limits: Limits): void {
  const require = (holds: boolean, rule: string) => {
    if (!holds) throw new RangeError(`limits.${rule}`);
  };
  require(limits.pongTimeoutMs <
    limits.pingIntervalMs, 'pongTimeoutMs must be smaller than limits.pingIntervalMs');
  // It goes to the client, in seconds, who adds its own patience and sets a timer.
  require(limits.pingIntervalMs <= HOUR_MS, 'pingIntervalMs must be at most an hour');
  // A client that comes back sends its connect and all its subscribes in one frame.
  require(limits.maxPendingCommands >
    limits.maxSubscriptions, 'maxPendingCommands must be above limits.maxSubscriptions');
  require(limits.maxCommandsPerFrame >
    limits.maxSubscriptions, 'maxCommandsPerFrame must be above limits.maxSubscriptions');
  require(limits.subscribeBurst >=
    limits.maxSubscriptions, 'subscribeBurst must be at least limits.maxSubscriptions');
  // A reply at this limit must never trip the queue's own, or the client reconnects for ever.
  require(limits.maxRecoveryBytes <=
    limits.maxQueuedBytes / 2, 'maxRecoveryBytes must be at most half of limits.maxQueuedBytes');
  require(limits.presenceIntervalMs <
    limits.presenceTtlMs, 'presenceIntervalMs must be smaller than limits.presenceTtlMs');
  require(limits.nodeIntervalMs <
    limits.nodeTtlMs, 'nodeIntervalMs must be smaller than limits.nodeTtlMs');
  // A node that has died must be known to have before an order gives it up.
  require(limits.nodeTtlMs <
    limits.orderTimeoutMs, 'nodeTtlMs must be smaller than limits.orderTimeoutMs');
}

/** A history's limits with some of them replaced. Throws a `RangeError` for what cannot work. */
export function resolveHistory(
  name: string,
  defaults: HistoryLimits,
  changes: Partial<HistoryLimits> = {},
): HistoryLimits {
  if (typeof changes !== 'object' || changes === null) {
    throw new RangeError(`${name} must be { size?, ttlMs?, maxBytes? }, got ${String(changes)}`);
  }
  return resolve(name, defaults, changes);
}

// A field that is there but `undefined` is as good as absent: so come options that are passed on.
function resolve<T extends object>(name: string, defaults: T, changes: Partial<T>): T {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  for (const [field, value] of given) {
    if (typeof value !== 'number' || !(value > 0)) {
      throw new RangeError(`${name}.${field} must be a number above 0, got ${String(value)}`);
    }
  }
  return { ...defaults, ...(Object.fromEntries(given) as Partial<T>) };
}
