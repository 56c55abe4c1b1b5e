import type { HistoryLimits } from '../limits.ts';
import type { Publication } from './broker.ts';

/** A channel's stream in memory. Its items come and go; top and epoch stay. */
export interface Stream {
  readonly tenantId: string;
  readonly epoch: string;
  top: number;
  items: Publication[];
  /** UTF-8 bytes of the items' data. */
  bytes: number;
  /** When the items are dropped. */
  expiresAt: number;
  /** When the stream itself is forgotten, epoch and all. */
  forgetAt: number;
}

/**
 * Bounds what streams keep: per stream by its history limits, per tenant and in all by bytes.
 * When a bound is passed, the least recently used streams lose their items first.
 */
export class ItemStore {
  readonly #maxBytes: number;
  readonly #maxBytesPerTenant: number;
  readonly #all = new Shelf();
  readonly #byTenant = new Map<string, Shelf>();

  constructor(maxBytes: number, maxBytesPerTenant: number) {
    this.#maxBytes = maxBytes;
    this.#maxBytesPerTenant = maxBytesPerTenant;
  }

  add(stream: Stream, publication: Publication, limits: HistoryLimits, now: number): void {
    stream.items.push(publication);
    stream.expiresAt = now + limits.ttlMs;
    let bytes = stream.bytes + sizeOf(publication);
    while (stream.items.length > limits.size || bytes > limits.maxBytes) {
      const oldest = stream.items.shift();
      if (!oldest) break;
      bytes -= sizeOf(oldest);
    }
    this.#resize(stream, bytes);
    this.#makeSpace(this.#byTenant.get(stream.tenantId), this.#maxBytesPerTenant);
    this.#makeSpace(this.#all, this.#maxBytes);
  }

  /** Takes a stream's items away. */
  drop(stream: Stream): void {
    stream.items = [];
    stream.expiresAt = Infinity;
    this.#resize(stream, 0);
  }

  #resize(stream: Stream, bytes: number): void {
    const tenant = this.#tenantShelf(stream.tenantId);
    for (const shelf of [tenant, this.#all]) shelf.put(stream, bytes);
    if (tenant.streams.size === 0) this.#byTenant.delete(stream.tenantId);
    stream.bytes = bytes;
  }

  #makeSpace(shelf: Shelf | undefined, maxBytes: number): void {
    if (!shelf) return;
    for (const stream of shelf.streams) {
      if (shelf.bytes <= maxBytes) return;
      this.drop(stream);
    }
  }

  #tenantShelf(tenantId: string): Shelf {
    const shelf = this.#byTenant.get(tenantId) ?? new Shelf();
    this.#byTenant.set(tenantId, shelf);
    return shelf;
  }
}

/** Streams that have items, least recently used first, and the bytes they hold together. */
class Shelf {
  readonly streams = new Set<Stream>();
  bytes = 0;

  put(stream: Stream, bytes: number): void {
    this.bytes += bytes - stream.bytes;
    this.streams.delete(stream);
    if (bytes > 0) this.streams.add(stream);
  }
}

function sizeOf({ data }: Publication): number {
  return Buffer.byteLength(data);
}
