import {
  type Delivered,
  type History,
  markerOf,
  type Position,
  type Published,
  type Reader,
  type Subscribed,
} from './ledger.ts';

/** The promises that a history can break (reliability, section B.1). */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7';

/** One promise that was not kept. */
export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
}

/** Judges a history and knows nothing of how it came about. No violation: every promise held. */
export function check(history: History): Violation[] {
  const ledger = new PublishedIndex(history.published);
  return [
    ...checkFunction(history),
    ...history.readers.flatMap((reader) => checkReader(reader, ledger, history.losesUnkept)),
    ...checkFrames(history),
  ];
}

function checkReader(reader: Reader, ledger: PublishedIndex, losesUnkept: boolean): Violation[] {
  const { segments, brokenSeams } = cut(reader);
  const delivered = reader.told.filter((told) => told.kind === 'delivered');
  const whole = losesUnkept ? segments.filter(({ from }) => from !== null) : segments;
  const findings: [Invariant, string[]][] = [
    ['I2', [...brokenSeams, ...segments.flatMap((segment) => disorders(segment, reader, ledger))]],
    [
      'I2',
      callDisorders(
        delivered.filter(({ id }) => ledger.isVolatile(id)),
        ledger,
      ),
    ],
    ['I3', whole.flatMap((segment) => losses(segment, reader, ledger))],
    ['I4', duplicates(delivered)],
    ['I5', phantoms(delivered, reader, ledger)],
    ['I6', foreigners(delivered, reader)],
    ['I7', lags(delivered, segments.at(-1), reader, ledger)],
  ];
  return findings.flatMap(([invariant, messages]) =>
    messages.map((message) => ({
      invariant,
      message: `${reader.client} in ${reader.channel} ${message}`,
    })),
  );
}

/** I1: a place in a stream holds one publication, whoever looks, and a publication has one place. */
function checkFunction({ published, readers }: History): Violation[] {
  const holders = new Map<string, string>();
  const places = new Map<string, string>();
  const violations: Violation[] = [];
  const note = (channel: string, { id, position }: Pick<Delivered, 'id' | 'position'>) => {
    if (!position) return;
    const place = placeOf(channel, position);
    const holder = holders.get(place) ?? id;
    const home = places.get(id) ?? place;
    holders.set(place, holder);
    places.set(id, home);
    if (holder !== id) add(`${place} holds ${holder} and ${id}`);
    else if (home !== place) add(`${id} is at ${home} and at ${place}`);
  };
  const add = (message: string) => violations.push({ invariant: 'I1', message });
  for (const each of published) note(each.channel, each);
  for (const { channel, told } of readers) {
    for (const each of told) if (each.kind === 'delivered') note(channel, each);
  }
  return violations;
}

/** I6 on the bytes: no frame to a tenant's session carries another's marker, in whatever place. */
function checkFrames({ tenantIds, frames }: History): Violation[] {
  const markers = tenantIds.map((tenantId) => ({ tenantId, marker: markerOf(tenantId) }));
  return frames.flatMap(({ client, tenantId: own, text }) =>
    markers
      .filter(({ tenantId, marker }) => tenantId !== own && text.includes(marker))
      .map(({ marker }) => ({
        invariant: 'I6' as const,
        message: `${client} of ${markerOf(own)} was written ${marker}: ${text.slice(0, 300)}`,
      })),
  );
}

/** What came without a gap signal in between: it must be whole. */
interface Segment {
  /** Where it began; `null` in a channel without history. */
  readonly from: Position | null;
  /** How many publishes had been called when it began. */
  readonly callsBefore: number;
  readonly delivered: Delivered[];
  /** The offset that the client has come to. */
  end: number;
  /** A gap signal ended it, or the client has gone: what was still to come need not come any more. */
  isOver: boolean;
}

/** Cuts a reader's story at its gap signals; finds the seams that should have been one. */
function cut({ told, isLive }: Reader): { segments: readonly Segment[]; brokenSeams: string[] } {
  const segments: Segment[] = [];
  const brokenSeams: string[] = [];
  let current: Segment | null = null;
  for (const each of told) {
    if (each.kind === 'ended') {
      current = null;
    } else if (each.kind === 'subscribed') {
      const seam: Seam = current ? seamOf(current, each) : seamOfFirst(each);
      if (seam.broken) brokenSeams.push(seam.broken);
      if (seam.goesOn) continue;
      const { position: from, callsBefore } = each;
      current = { from, callsBefore, delivered: [], end: from?.offset ?? 0, isOver: true };
      segments.push(current);
    } else if (current) {
      current.delivered.push(each);
      current.end = Math.max(current.end, each.position?.offset ?? 0);
    } else {
      brokenSeams.push(`got ${each.id} before it was subscribed`);
    }
  }
  if (current) current.isOver = !isLive;
  return { segments, brokenSeams };
}

/** How a subscription that came back stands to what was before. */
interface Seam {
  /** Nothing is missing in between, it says. */
  readonly goesOn: boolean;
  /** What is wrong with that. */
  readonly broken?: string;
}

function seamOfFirst({ recovered }: Subscribed): Seam {
  return recovered ? { goesOn: false, broken: 'recovered what it never had' } : { goesOn: false };
}

function seamOf(before: Segment, { position, wasRecovering, recovered }: Subscribed): Seam {
  if (!before.from || !position) return { goesOn: false };
  if (!recovered && wasRecovering) return { goesOn: false };
  if (!recovered) return { goesOn: false, broken: 'began anew without a gap signal' };
  const isSameLife = position.epoch === before.from.epoch;
  if (isSameLife && position.offset === before.end) return { goesOn: true };
  const stood = inWords({ ...before.from, offset: before.end });
  // The client did come to there: what is missing up to it is lost.
  if (isSameLife) before.end = Math.max(before.end, position.offset);
  return { goesOn: false, broken: `recovered from ${inWords(position)}, it stood at ${stood}` };
}

/** I2: offsets go up one by one. Without offsets, and of volatile ones, it is the order of the calls. */
function disorders(segment: Segment, reader: Reader, ledger: PublishedIndex): string[] {
  const { from, delivered } = segment;
  if (!from) return callDisorders(delivered, ledger);
  let at = from.offset;
  return delivered.flatMap(({ id, position }) => {
    if (ledger.isVolatile(id)) return position ? [`got ${id} at ${inWords(position)}`] : [];
    if (position?.epoch !== from.epoch) return [`got ${id} at ${inWords(position)}`];
    const { offset } = position;
    const before = at;
    at = Math.max(at, offset);
    if (offset <= before) return [`got ${id} at ${offset} after ${before}`];
    const isWhole = range(before + 1, offset).every((place) =>
      holdersOf(reader.channel, { ...from, offset: place }, ledger).some((each) =>
        isConflated(each, segment, ledger),
      ),
    );
    return isWhole ? [] : [`got ${id} at ${offset} after ${before}`];
  });
}

/** What may be at a place: what is known to be there, or else one of those of unknown outcome. */
function holdersOf(channel: string, place: Position, ledger: PublishedIndex): readonly Published[] {
  const known = ledger.at(channel, place);
  if (known) return [known];
  return ledger
    .of(channel)
    .filter(({ outcome, isVolatile }) => outcome === 'unknown' && !isVolatile);
}

function callDisorders(delivered: readonly Delivered[], ledger: PublishedIndex): string[] {
  const turns = delivered.map(({ id }) => ledger.turnOf(id));
  return delivered.flatMap(({ id }, index) => {
    const before = turns[index - 1] ?? -1;
    return turns[index] > before || turns[index] === -1 ? [] : [`got ${id} out of turn`];
  });
}

/** I3: what was accepted inside a segment is there, but for volatile ones. */
function losses(segment: Segment, reader: Reader, ledger: PublishedIndex): string[] {
  const ids = new Set(segment.delivered.map(({ id }) => id));
  return ledger
    .of(reader.channel)
    .filter((each) => each.outcome === 'accepted' && !each.isVolatile && !ids.has(each.id))
    .filter((each) => isInside(each, segment, ledger) && !isConflated(each, segment, ledger))
    .map(({ id, position }) => `lost ${id} at ${inWords(position)}`);
}

function isInside(
  { id, position }: Published,
  { from, callsBefore, delivered, end }: Segment,
  ledger: PublishedIndex,
): boolean {
  if (!from) {
    const turn = ledger.turnOf(id);
    return turn >= callsBefore && delivered.some((later) => ledger.turnOf(later.id) > turn);
  }
  if (!position || position.epoch !== from.epoch) return false;
  return position.offset > from.offset && position.offset <= end;
}

/**
 * The one exception (design, section 8): a later one of the same key stands for it. That one may have
 * been under way when the segment ended.
 */
function isConflated(
  published: Published,
  { from, delivered, isOver }: Segment,
  ledger: PublishedIndex,
): boolean {
  if (published.conflationKey === undefined) return false;
  if (isOver) return true;
  return delivered.some(({ id }) => {
    const later = ledger.find(id);
    return (
      later?.channel === published.channel &&
      later.conflationKey === published.conflationKey &&
      // Where there are places, one without cannot stand for one that has one.
      (from === null || !later.isVolatile) &&
      ledger.turnOf(id) > ledger.turnOf(published.id)
    );
  });
}

/** I4: no id comes twice, recovered or live. */
function duplicates(delivered: readonly Delivered[]): string[] {
  const seen = new Set<string>();
  return delivered.flatMap(({ id }) => {
    if (seen.has(id)) return [`got ${id} again`];
    seen.add(id);
    return [];
  });
}

/** I5: what comes was published, and to this channel. */
function phantoms(
  delivered: readonly Delivered[],
  { channel }: Reader,
  ledger: PublishedIndex,
): string[] {
  return delivered.flatMap(({ id }) => {
    const published = ledger.find(id);
    if (!published) return [`got ${id}, which nobody published`];
    if (published.channel !== channel) return [`got ${id}, published to ${published.channel}`];
    return published.outcome === 'rejected' ? [`got ${id}, which was rejected`] : [];
  });
}

/** I6 as the app sees it: everything is of the reader's own tenant. */
function foreigners(delivered: readonly Delivered[], { tenantId: own }: Reader): string[] {
  return delivered.flatMap(({ id, tenantId }) =>
    tenantId === own ? [] : [`of ${markerOf(own)} got ${id} of ${markerOf(tenantId)}`],
  );
}

/** I7: who is live at the end has come to the channel's last publication that is not volatile. */
function lags(
  delivered: readonly Delivered[],
  segment: Segment | undefined,
  { channel, isLive }: Reader,
  ledger: PublishedIndex,
): string[] {
  const last = ledger
    .of(channel)
    .findLast(({ outcome, isVolatile }) => outcome === 'accepted' && !isVolatile);
  if (!isLive || !last) return [];
  if (delivered.some(({ id }) => id === last.id)) return [];
  // It may have begun after the last one: by its place, or where there is none by its turn.
  const { position } = last;
  const isAtTop = position?.epoch === segment?.from?.epoch && position?.offset === segment?.end;
  const beganLater = ledger.turnOf(last.id) < (segment?.callsBefore ?? 0);
  return (position ? isAtTop : beganLater)
    ? []
    : [`never got to ${last.id} at ${inWords(position)}, the last one`];
}

/** What was published, by id, by place and by channel. */
class PublishedIndex {
  readonly #byId: ReadonlyMap<string, Published>;
  readonly #byPlace = new Map<string, Published>();
  readonly #byChannel: ReadonlyMap<string, readonly Published[]>;
  readonly #turns: ReadonlyMap<string, number>;

  constructor(published: readonly Published[]) {
    this.#byId = new Map(published.map((each) => [each.id, each]));
    this.#byChannel = Map.groupBy(published, ({ channel }) => channel);
    this.#turns = new Map(published.map(({ id }, turn) => [id, turn]));
    for (const each of published) {
      if (each.position) this.#byPlace.set(placeOf(each.channel, each.position), each);
    }
  }

  find(id: string): Published | undefined {
    return this.#byId.get(id);
  }

  at(channel: string, position: Position): Published | undefined {
    return this.#byPlace.get(placeOf(channel, position));
  }

  of(channel: string): readonly Published[] {
    return this.#byChannel.get(channel) ?? [];
  }

  isVolatile(id: string): boolean {
    return this.find(id)?.isVolatile ?? false;
  }

  /** Its number in the order of the calls; -1 for what nobody published. */
  turnOf(id: string): number {
    return this.#turns.get(id) ?? -1;
  }
}

function placeOf(channel: string, position: Position): string {
  return `${channel} ${inWords(position)}`;
}

function inWords(position: Position | null | undefined): string {
  return position ? `${position.epoch}/${position.offset}` : 'no place';
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
