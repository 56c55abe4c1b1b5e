import type { HistoryLimits } from '../limits.ts';
import type { Publication } from './broker.ts';
import { type Place, RecencyList } from './recency-list.ts';

/** A channel's stream in memory. Its items come and go; top and epoch stay. */
export interface Stream {
  readonly channel: string;
  readonly tenantId: string;
  readonly epoch: string;
  top: number;
  items: Publication[];
  /** UTF-8 bytes of the items' data. */
  bytes: number;
  /** Where it stands among its tenant's and among all that have items; `null`: it has none. */
  places: StreamPlaces | null;
  /** When the items are dropped. */
  expiresAt: number;
  /** When the stream itself is forgotten, epoch and all. */
  forgetAt: number;
}

interface StreamPlaces {
  readonly ofTenant: Place<Stream>;
  readonly ofAll: Place<Stream>;
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
    tenant.bytes += bytes - stream.bytes;
    this.#all.bytes += bytes - stream.bytes;
    stream.bytes = bytes;
    if (bytes > 0) this.#touch(stream, tenant);
    else if (stream.places) this.#takeOff(stream, stream.places, tenant);
    if (tenant.bytes === 0) this.#byTenant.delete(stream.tenantId);
  }

  #touch(stream: Stream, tenant: Shelf): void {
    if (stream.places) {
      tenant.streams.touch(stream.places.ofTenant);
      this.#all.streams.touch(stream.places.ofAll);
    } else {
      stream.places = {
        ofTenant: tenant.streams.add(stream),
        ofAll: this.#all.streams.add(stream),
      };
    }
  }

  #takeOff(stream: Stream, { ofTenant, ofAll }: StreamPlaces, tenant: Shelf): void {
    tenant.streams.remove(ofTenant);
    this.#all.streams.remove(ofAll);
    stream.places = null;
  }

  #makeSpace(shelf: Shelf | undefined, maxBytes: number): void {
    if (!shelf) return;
    let { oldest } = shelf.streams;
    while (oldest && shelf.bytes > maxBytes) {
      this.drop(oldest.value);
      ({ oldest } = shelf.streams);
    }
  }

  #tenantShelf(tenantId: string): Shelf {
    const shelf = this.#byTenant.get(tenantId) ?? new Shelf();
    this.#byTenant.set(tenantId, shelf);
    return shelf;
  }
}

/** Streams that have items, and the bytes they hold together. */
class Shelf {
  readonly streams = new RecencyList<Stream>();
  bytes = 0;
}

function sizeOf({ data }: Publication): number {
  return Buffer.byteLength(data);
}
