import type { StreamPosition } from './broker.ts';

interface Published {
  readonly tenantId: string;
  readonly position: StreamPosition;
  readonly expiresAt: number;
}

/** How long and how much is remembered. */
export interface PublishedKeysOptions {
  readonly ttlMs: number;
  readonly maxKeys: number;
  readonly maxKeysPerTenant: number;
}

/**
 * Which idempotency keys were published, and where. Bounded per tenant and in all: the oldest are
 * forgotten first, a flooding tenant's own before another's.
 */
export class PublishedKeys {
  readonly #options: PublishedKeysOptions;
  /** In order of insertion, so of expiry. */
  readonly #all = new Map<string, Published>();
  readonly #byTenant = new Map<string, Set<string>>();

  constructor(options: PublishedKeysOptions) {
    this.#options = options;
  }

  /** Where the key was first published, if that is still remembered. */
  find(key: string, now: number): StreamPosition | undefined {
    const published = this.#all.get(key);
    return published && published.expiresAt > now ? published.position : undefined;
  }

  remember(tenantId: string, key: string, position: StreamPosition, now: number): void {
    this.#forget(key);
    const keys = this.#byTenant.get(tenantId) ?? new Set();
    this.#byTenant.set(tenantId, keys);
    keys.add(key);
    this.#all.set(key, { tenantId, position, expiresAt: now + this.#options.ttlMs });
    if (keys.size > this.#options.maxKeysPerTenant) this.#forgetFirst(keys);
    if (this.#all.size > this.#options.maxKeys) this.#forgetFirst(this.#all);
  }

  forgetExpired(now: number): void {
    for (const [key, { expiresAt }] of this.#all) {
      if (expiresAt > now) return;
      this.#forget(key);
    }
  }

  #forgetFirst(keys: { keys(): Iterable<string> }): void {
    const [first] = keys.keys();
    if (first !== undefined) this.#forget(first);
  }

  #forget(key: string): void {
    const published = this.#all.get(key);
    if (!published) return;
    this.#all.delete(key);
    const keys = this.#byTenant.get(published.tenantId);
    keys?.delete(key);
    if (keys?.size === 0) this.#byTenant.delete(published.tenantId);
  }
}
