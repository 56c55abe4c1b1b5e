import fc from 'fast-check';
import {
  type Frame,
  type History,
  markerOf,
  type Published,
  type Reader,
  SubscriberLedger,
} from './ledger.ts';

/** One thing that happens to an ideal server. Numbers count round what there is. */
type Happening =
  | {
      readonly do: 'publish';
      readonly stream: number;
      readonly outcome: Published['outcome'];
      /** Of unknown outcome: did it get there? Of volatile ones: does it come to anybody? */
      readonly isStored: boolean;
      readonly key: string | null;
      readonly isVolatile: boolean;
    }
  /** A reader goes away; what it had is kept for it. */
  | { readonly do: 'leave'; readonly reader: number }
  /** It comes back: to what it missed, or to a gap signal. */
  | { readonly do: 'return'; readonly reader: number; readonly isGap: boolean }
  /** What comes for a reader waits, and may be conflated, until it is let through. */
  | { readonly do: 'hold' | 'let through'; readonly reader: number }
  | { readonly do: 'end'; readonly reader: number }
  | { readonly do: 'new epoch'; readonly stream: number };

type Publishing = Omit<Extract<Happening, { do: 'publish' }>, 'do' | 'stream'>;

/** In the end one comes to each channel that is for everybody. */
const LAST: Publishing = { outcome: 'accepted', isStored: true, key: null, isVolatile: false };

const CHANNELS = [
  { channel: 't.acme:a', tenantId: 'acme', keeps: true },
  { channel: 't.acme-eu:a', tenantId: 'acme-eu', keeps: true },
  { channel: 't.acme:c:fleeting:1', tenantId: 'acme', keeps: false },
] as const;
const READERS_PER_CHANNEL = 2;

const anyStream = fc.nat(CHANNELS.length - 1);
const anyReader = fc.nat(CHANNELS.length * READERS_PER_CHANNEL - 1);
const kind = <T extends string>(...names: T[]) => fc.constantFrom(...names);
const publish: fc.Arbitrary<Happening> = fc.record({
  do: kind('publish'),
  stream: anyStream,
  outcome: kind('accepted', 'accepted', 'accepted', 'unknown', 'rejected'),
  isStored: fc.boolean(),
  key: fc.constantFrom(null, null, 'k1', 'k2'),
  isVolatile: fc.constantFrom(false, false, false, true),
});
const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 12, arbitrary: publish },
  { weight: 2, arbitrary: fc.record({ do: kind('leave'), reader: anyReader }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: kind('return'), reader: anyReader, isGap: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: kind('hold', 'let through', 'let through'), reader: anyReader }),
  },
  { weight: 1, arbitrary: fc.record({ do: kind('end'), reader: anyReader }) },
  { weight: 1, arbitrary: fc.record({ do: kind('new epoch'), stream: anyStream }) },
);

/** Histories that a server without a fault could have left. */
export const idealHistories: fc.Arbitrary<History> = fc
  .array(anyHappening, { minLength: 20, maxLength: 80, size: 'max' })
  .map((happenings) => new IdealServer().play(happenings));

type Item = Published & { readonly offset: number; readonly epoch: string };

interface IdealStream {
  readonly channel: string;
  readonly tenantId: string;
  readonly keeps: boolean;
  life: number;
  items: Item[];
}

class IdealReader {
  readonly name: string;
  readonly stream: IdealStream;
  readonly ledger = new SubscriberLedger();
  isThere = false;
  isHeld = false;
  #wasThere = false;
  #at: { epoch: string; offset: number } | null = null;
  #waiting: Item[] = [];

  constructor(name: string, stream: IdealStream) {
    this.name = name;
    this.stream = stream;
  }

  /** Takes its place again. Gives what it is delivered. */
  come(isGap: boolean, callsBefore: number): Item[] {
    if (this.isThere) return [];
    const { items, keeps } = this.stream;
    const top = { epoch: epochOf(this.stream), offset: items.length };
    const wasRecovering = keeps && this.#wasThere;
    const recovered = wasRecovering && !isGap && this.#at?.epoch === top.epoch;
    const from = recovered && this.#at ? this.#at : top;
    this.isThere = true;
    this.#wasThere = true;
    this.#at = from;
    const position = keeps ? from : null;
    this.ledger.subscribed({ position, wasRecovering, recovered, callsBefore });
    return this.#tell(items.slice(from.offset));
  }

  go(): void {
    this.isThere = false;
    this.isHeld = false;
    this.#waiting = [];
  }

  end(): void {
    if (!this.isThere) return;
    this.go();
    this.#wasThere = false;
    this.ledger.ended();
  }

  take(item: Item): Item[] {
    if (!this.isThere) return [];
    if (!this.isHeld) return this.#tell([item]);
    const isStandIn = ({ conflationKey, offset }: Item) =>
      conflationKey !== undefined &&
      conflationKey === item.conflationKey &&
      offset > 0 === item.offset > 0;
    this.#waiting = [...this.#waiting.filter((each) => !isStandIn(each)), item];
    return [];
  }

  letThrough(): Item[] {
    this.isHeld = false;
    return this.#tell(this.#waiting.splice(0));
  }

  #tell(items: Item[]): Item[] {
    for (const { id, tenantId, offset, epoch } of items) {
      this.ledger.delivered({ id, tenantId }, offset);
      if (offset > 0) this.#at = { epoch, offset };
    }
    return items;
  }
}

class IdealServer {
  readonly #streams = CHANNELS.map((each): IdealStream => ({ ...each, life: 1, items: [] }));
  readonly #readers = this.#streams.flatMap((each) =>
    Array.from(
      { length: READERS_PER_CHANNEL },
      (_, index) => new IdealReader(`reader ${index}`, each),
    ),
  );
  readonly #published: Published[] = [];
  readonly #frames: Frame[] = [];

  play(happenings: readonly Happening[]): History {
    for (const each of this.#readers) this.#write(each, each.come(false, this.#published.length));
    for (const each of happenings) this.#take(each);
    for (const each of this.#readers) {
      this.#write(each, each.letThrough());
      this.#write(each, each.come(false, this.#published.length));
    }
    for (const to of this.#streams) this.#publish(to, LAST);
    return {
      tenantIds: ['acme', 'acme-eu'],
      losesUnkept: false,
      published: this.#published,
      readers: this.#readers.map(({ name, stream: { channel, tenantId }, ledger }): Reader => {
        return { client: name, channel, tenantId, told: ledger.told, isLive: true };
      }),
      frames: this.#frames,
    };
  }

  #take(happening: Happening): void {
    if (happening.do === 'publish') {
      return this.#publish(this.#streams[happening.stream], happening);
    }
    if (happening.do === 'new epoch') return this.#beginAnew(this.#streams[happening.stream]);
    const each = this.#readers[happening.reader];
    switch (happening.do) {
      case 'leave':
        return each.go();
      case 'return':
        return this.#write(each, each.come(happening.isGap, this.#published.length));
      case 'hold':
        each.isHeld = each.isThere;
        return;
      case 'let through':
        return this.#write(each, each.letThrough());
      case 'end':
        return each.end();
    }
  }

  #publish(to: IdealStream, { outcome, isStored, key, isVolatile }: Publishing): void {
    const isSure = outcome === 'accepted' && !isVolatile;
    const isThere = isSure || (outcome !== 'rejected' && isStored);
    const isKept = to.keeps && !isVolatile;
    const offset = isKept ? to.items.length + 1 : 0;
    const epoch = epochOf(to);
    const published: Published = {
      id: `p${this.#published.length}`,
      channel: to.channel,
      tenantId: to.tenantId,
      outcome,
      position: outcome === 'accepted' && isKept ? { epoch, offset } : null,
      isVolatile,
      ...(key === null ? {} : { conflationKey: key }),
    };
    this.#published.push(published);
    if (!isThere) return;
    const item: Item = { ...published, offset, epoch };
    if (isKept) to.items.push(item);
    for (const each of this.#readers) {
      if (each.stream === to) this.#write(each, each.take(item));
    }
  }

  #beginAnew(of: IdealStream): void {
    of.life += 1;
    of.items = [];
    for (const each of this.#readers) if (each.stream === of) each.go();
  }

  #write({ name, stream: { tenantId } }: IdealReader, items: readonly Item[]): void {
    for (const { id } of items) {
      const text = JSON.stringify({ id, of: markerOf(tenantId) });
      this.#frames.push({ client: name, tenantId, text });
    }
  }
}

function epochOf({ channel, life }: IdealStream): string {
  return `${channel}#${life}`;
}
