import { LONGEST_TIMER_MS } from './within.ts';

/** What an engine of operations allows, and how long it waits. */
export interface OperationLimits {
  /** Operations of one user that have not ended. Default 50. */
  readonly maxActivePerUser: number;
  /** Operations of one tenant that have not ended. Default 1,000. */
  readonly maxActivePerTenant: number;
  /** How long a process may be silent before its operations are taken from it. Default 30 s. */
  readonly leaseMs: number;
  /** How long work that was cancelled may go on before that is said. Default 30 s. */
  readonly cancelGraceMs: number;
  /** How long a durable operation may wait before its job counts as lost and comes again. Default 60 s. */
  readonly overdueMs: number;
  /** How long the same idempotency key means the same operation, when that has ended. Default 24 h. */
  readonly idempotencyWindowMs: number;
  /** How long an operation is kept after its end. Default 30 days. */
  readonly retentionMs: number;
  /** How long a call waits for the database. Default 10 s. */
  readonly databaseTimeoutMs: number;
  /** How long a caller of `run` waits for the end to be written when the work is done. Default 2 s. */
  readonly endWaitMs: number;
}

const DAY_MS = 24 * 3_600_000;

/** What holds where nothing else is said. */
const DEFAULT_LIMITS: OperationLimits = {
  maxActivePerUser: 50,
  maxActivePerTenant: 1000,
  leaseMs: 30_000,
  cancelGraceMs: 30_000,
  overdueMs: 60_000,
  idempotencyWindowMs: DAY_MS,
  retentionMs: 30 * DAY_MS,
  databaseTimeoutMs: 10_000,
  endWaitMs: 2000,
};

const TIMED = ['leaseMs', 'overdueMs', 'cancelGraceMs', 'databaseTimeoutMs', 'endWaitMs'];

/** Limits that differ from the defaults, over those. Throws a `TypeError` for what is none. */
export function resolveLimits(limits: Partial<OperationLimits> = {}): OperationLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw new TypeError(`There is no limit ${name}`);
    const most = TIMED.includes(name) ? LONGEST_TIMER_MS : Number.MAX_SAFE_INTEGER;
    if (typeof value !== 'number' || !(value > 0) || value > most) {
      throw new TypeError(`${name} is a number above 0 and up to ${most}, got ${String(value)}`);
    }
  }
  return { ...DEFAULT_LIMITS, ...limits };
}
