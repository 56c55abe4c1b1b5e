import type { Delivered, Reader, Subscribed } from '../../packages/server/test/model/ledger.ts';
import type { LastWord } from './audience.ts';

/** What a place of a stream held, as the process has seen it first. */
interface Item {
  readonly id: string;
  readonly tenantId: string;
}

/** Publications one after the other that were what the process knows of their places. */
interface Run {
  readonly epoch: string;
  readonly from: number;
  to: number;
}

/** One thing that a reader was told; most deliveries are in runs. */
type Entry =
  | Run
  | { readonly told: Omit<Subscribed, 'kind' | 'callsBefore'>; readonly at: number }
  | { readonly delivered: Omit<Delivered, 'kind'> }
  | 'ended';

/** By channel and epoch: what stands at which offset. */
export type Streams = Readonly<Record<string, Readonly<Record<string, readonly (Item | null)[]>>>>;

/** A reader's ledger, as small as it can be sent from process to process. */
export interface CompactReader {
  readonly client: string;
  readonly channel: string;
  readonly tenantId: string;
  readonly isLive: boolean;
  readonly entries: readonly Entry[];
}

/** Everything that the readers of one process were told. */
export interface CompactLedgers {
  readonly streams: Streams;
  readonly readers: readonly CompactReader[];
}

/** What all readers of a process have seen of the streams: written down once, not by each of them. */
export class SeenStreams {
  readonly #channels: Record<string, Record<string, (Item | null)[]>> = {};

  get all(): Streams {
    return this.#channels;
  }

  /** Is this what stands there? The first who sees a place says what it holds. */
  agrees(channel: string, epoch: string, offset: number, { id, tenantId }: Item): boolean {
    const stream = ((this.#channels[channel] ??= {})[epoch] ??= []);
    const known = (stream[offset] ??= { id, tenantId });
    return known.id === id && known.tenantId === tenantId;
  }
}

/** What one client is told of one channel. */
export class ReaderLedger {
  readonly #channel: string;
  readonly #seen: SeenStreams;
  readonly entries: Entry[] = [];
  #epoch = '';
  /** The offset that the client has come to. */
  #end = 0;
  #run: Run | null = null;
  #lastId: string | null = null;

  constructor(channel: string, seen: SeenStreams) {
    this.#channel = channel;
    this.#seen = seen;
  }

  /** Has it got this one last, or was it told of a gap that ends there, or behind it? */
  hasComeTo(last: LastWord): boolean {
    if (typeof last === 'string') return this.#lastId === last;
    const { id, epoch, offset } = last;
    return this.#lastId === id || (offset > 0 && this.#epoch === epoch && this.#end >= offset);
  }

  subscribed(told: Omit<Subscribed, 'kind' | 'callsBefore'>, at: number): void {
    this.#run = null;
    this.#epoch = told.position?.epoch ?? '';
    this.#end = told.position?.offset ?? 0;
    this.entries.push({ told, at });
  }

  /** A publication does not name its epoch: it is the one that was last announced. */
  delivered({ id, tenantId }: Item, offset: number): void {
    this.#lastId = id;
    this.#end = Math.max(this.#end, offset);
    const epoch = this.#epoch;
    if (offset > 0 && this.#seen.agrees(this.#channel, epoch, offset, { id, tenantId })) {
      if (this.#run?.to === offset - 1) this.#run.to = offset;
      else this.entries.push((this.#run = { epoch, from: offset, to: offset }));
      return;
    }
    this.#run = null;
    this.entries.push({
      delivered: { id, tenantId, position: offset === 0 ? null : { epoch, offset } },
    });
  }

  ended(): void {
    this.#run = null;
    this.entries.push('ended');
  }
}

/** The readers of a process again as the checker reads them, one at a time: all at once may be too many. */
export function* readersOf(
  { streams, readers }: CompactLedgers,
  callsBefore: (at: number) => number,
): Generator<Reader> {
  const shared = new SharedDeliveries(streams);
  for (const { entries, ...reader } of readers) {
    const told = entries.flatMap((entry): Reader['told'] => {
      if (entry === 'ended') return [{ kind: 'ended' }];
      if ('told' in entry) {
        return [{ kind: 'subscribed', ...entry.told, callsBefore: callsBefore(entry.at) }];
      }
      if ('delivered' in entry) return [{ kind: 'delivered', ...entry.delivered }];
      return shared.of(reader.channel, entry);
    });
    yield { ...reader, told };
  }
}

/** The same delivery to many readers is one object. */
class SharedDeliveries {
  readonly #streams: Streams;
  readonly #made = new Map<string, Delivered[]>();

  constructor(streams: Streams) {
    this.#streams = streams;
  }

  of(channel: string, { epoch, from, to }: Run): Delivered[] {
    const key = `${channel} ${epoch}`;
    const made = this.#made.get(key) ?? [];
    this.#made.set(key, made);
    const items = this.#streams[channel]?.[epoch] ?? [];
    for (let offset = from; offset <= to; offset += 1) {
      const { id, tenantId } = items[offset] ?? { id: 'nobody knows', tenantId: '' };
      made[offset] ??= { kind: 'delivered', id, tenantId, position: { epoch, offset } };
    }
    return made.slice(from, to + 1);
  }
}
