import { PLATFORM, type Realm, tenantRealm } from '@trunkline/contract';
import type { AuditEntry } from './audit.ts';
import type { LimitName } from './counters.ts';
import { Deltas } from './deltas.ts';
import type { Limits, TenantLimits } from './limits.ts';
import { TokenBucket } from './rate.ts';
import { Recoveries } from './recoveries.ts';
import { resolveTenantLimits } from './resolve-limits.ts';

/** One tenant's limits that differ from the node's; asked about once a minute while it is here. */
export type LimitsFor = (tenantId: string) => Partial<TenantLimits> | undefined;

/** Who has come to a tenant's limit. */
export type Quota = Pick<AuditEntry, 'userId' | 'clientId' | 'address' | 'room'> & {
  readonly realm: Realm;
};

type OnExceeded = (limit: LimitName, fields: Record<string, unknown>) => void;

/** What the book of tenants works with. */
export interface TenantsOptions {
  readonly limits: Limits;
  readonly limitsFor: LimitsFor;
  readonly onError: (error: unknown) => void;
  readonly onExceeded: OnExceeded;
}

/** What is the same for all tenants. */
interface TenantOptions {
  readonly onExceeded: OnExceeded;
  /** Milliseconds that a recovery waits for its tenant's bytes. */
  readonly patienceMs: number;
}

/** So long a recovery waits at most; after that its client is told of a gap. */
const RECOVERY_PATIENCE_MS = 2_000;

/** What one tenant uses of this node. The platform is one, too, without an id. */
export class Tenant {
  /** `null`: the platform. */
  readonly id: string | null;
  readonly realm: Realm;
  /** How many of its connections are open here. */
  connections = 0;
  /** How many of its rooms have a subscriber here. */
  rooms = 0;
  #limits: TenantLimits;
  /** How publications follow from each other. */
  readonly deltas: Deltas;
  readonly recoveries: Recoveries;
  #publishes: TokenBucket;
  #fanOut: TokenBucket;

  constructor(id: string | null, limits: TenantLimits, { onExceeded, patienceMs }: TenantOptions) {
    this.id = id;
    this.realm = id === null ? PLATFORM : tenantRealm(id);
    this.deltas = new Deltas(limits.deltaMsPerSecond, () =>
      onExceeded('deltaMsPerSecond', { tenant: id }),
    );
    this.#limits = limits;
    this.#publishes = publishesOf(limits);
    this.#fanOut = fanOutOf(limits);
    this.recoveries = new Recoveries({ bytes: () => this.#fanOut, patienceMs });
  }

  get limits(): TenantLimits {
    return this.#limits;
  }

  /** Publications per second. */
  get publishes(): TokenBucket {
    return this.#publishes;
  }

  /** Bytes written to its sessions per second. */
  get fanOut(): TokenBucket {
    return this.#fanOut;
  }

  /** Can it be forgotten without anybody getting more than is theirs? */
  get isIdle(): boolean {
    const isRested = this.#publishes.isFull() && this.#fanOut.isFull() && this.deltas.isRested;
    return this.connections === 0 && this.rooms === 0 && isRested;
  }

  /** From here on these hold; what has been used stays used where the rates did not change. */
  limit(limits: TenantLimits): void {
    const before = this.#limits;
    this.#limits = limits;
    const isSame = (...names: (keyof TenantLimits)[]) =>
      names.every((name) => before[name] === limits[name]);
    if (!isSame('publishesPerSecond', 'publishBurst')) this.#publishes = publishesOf(limits);
    if (!isSame('fanOutBytesPerSecond', 'fanOutBurstBytes')) this.#fanOut = fanOutOf(limits);
    if (!isSame('deltaMsPerSecond')) this.deltas.limit(limits.deltaMsPerSecond);
  }
}

const REVIEW_MS = 60_000;

/** The tenants that a node has to do with. */
export class Tenants {
  readonly #byId = new Map<string | null, Tenant>();
  readonly #options: TenantsOptions;
  #reviewing: NodeJS.Timeout | undefined;

  constructor(options: TenantsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }

  start(): void {
    this.#reviewing = setInterval(() => this.#review(), REVIEW_MS);
    this.#reviewing.unref();
  }

  stop(): void {
    clearInterval(this.#reviewing);
  }

  of(realm: Realm): Tenant {
    const id = realm.kind === 'tenant' ? realm.tenantId : null;
    const known = this.#byId.get(id);
    if (known) return known;
    const { limits, onExceeded } = this.#options;
    // It is part of a command, which has no more time than that.
    const patienceMs = Math.min(RECOVERY_PATIENCE_MS, limits.hookTimeoutMs / 2);
    const own = this.#limitsOf(id, resolveTenantLimits(limits));
    const tenant = new Tenant(id, own, { onExceeded, patienceMs });
    this.#byId.set(id, tenant);
    return tenant;
  }

  #review(): void {
    for (const [id, tenant] of this.#byId) {
      if (tenant.isIdle) this.#byId.delete(id);
      else tenant.limit(this.#limitsOf(id, tenant.limits));
    }
  }

  // A hook that fails must not shut a tenant out: what held so far goes on to hold.
  #limitsOf(id: string | null, otherwise: TenantLimits): TenantLimits {
    const { limits, limitsFor, onError } = this.#options;
    try {
      const changes = id === null ? undefined : limitsFor(id);
      return resolveTenantLimits(limits, changes);
    } catch (error) {
      onError(error);
      return otherwise;
    }
  }
}

function publishesOf({ publishesPerSecond, publishBurst }: TenantLimits): TokenBucket {
  return new TokenBucket(publishesPerSecond, publishBurst);
}

function fanOutOf({ fanOutBytesPerSecond, fanOutBurstBytes }: TenantLimits): TokenBucket {
  return new TokenBucket(fanOutBytesPerSecond, fanOutBurstBytes);
}
