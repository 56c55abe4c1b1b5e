import { callOrderViolations } from './call-order.ts';
import {
  type Delivered,
  type History,
  inWords,
  markerOf,
  type Position,
  type Published,
  type Reader,
  type Subscribed,
} from './ledger.ts';
import { Places } from './places.ts';
import { PublishedIndex } from './published-index.ts';

/** The promises that a history can break (reliability, sections A.4 and B.1); I8 is for who plays it. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'P1';

/** One promise that was not kept. */
export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
}

/** A history whose readers are looked at one after the other: all at once may be too many. */
export type CheckedHistory = Omit<History, 'readers'> & { readonly readers: Iterable<Reader> };

/** Judges a history and knows nothing of how it came about. No violation: every promise held. */
export function check(history: CheckedHistory): Violation[] {
  const ledger = new PublishedIndex(history.published);
  const places = new Places();
  for (const { channel, id, position } of history.published) {
    if (position) places.note(channel, id, position);
  }
  const violations: Violation[] = [];
  for (const reader of history.readers) {
    notePlaces(reader, places);
    violations.push(...checkReader(reader, ledger, history));
  }
  return [
    ...places.conflicts.map((message): Violation => ({ invariant: 'I1', message })),
    ...violations,
    ...checkFrames(history),
    ...callOrderViolations(history.published).map(
      (message): Violation => ({ invariant: 'P1', message }),
    ),
  ];
}

function notePlaces({ channel, told }: Reader, places: Places): void {
  for (const each of told) {
    if (each.kind === 'delivered' && each.position) places.note(channel, each.id, each.position);
  }
}

function checkReader(
  reader: Reader,
  ledger: PublishedIndex,
  { losesUnkept, repeatsUnplaced = false }: CheckedHistory,
): Violation[] {
  const { segments, brokenSeams } = cut(reader);
  const delivered = reader.told.filter((told) => told.kind === 'delivered');
  const stretches = repeatsUnplaced ? cutAtComings(reader) : [delivered];
  const unplaced = stretches.map((told) => told.filter((each) => !hasPlace(each)));
  const whole = losesUnkept ? segments.filter(({ from }) => from !== null) : segments;
  const findings: [Invariant, string[]][] = [
    ['I2', [...brokenSeams, ...segments.flatMap((segment) => disorders(segment, reader, ledger))]],
    [
      'I2',
      stretches.flatMap((told) =>
        callDisorders(
          told.filter(({ id }) => ledger.isVolatile(id)),
          ledger,
        ),
      ),
    ],
    ['I3', whole.flatMap((segment) => losses(segment, reader, ledger))],
    ['I4', [delivered.filter(hasPlace), ...unplaced].flatMap(duplicates)],
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

/** I6 on the bytes: no frame to a tenant's session carries another's marker, in whatever place. */
function checkFrames({ tenantIds, frames }: CheckedHistory): Violation[] {
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

function hasPlace({ position }: Delivered): boolean {
  return position !== null;
}

/** What came over each subscription, from each of its comings to the next. */
function cutAtComings({ told }: Reader): Delivered[][] {
  const stretches: Delivered[][] = [[]];
  for (const each of told) {
    if (each.kind === 'subscribed') stretches.push([]);
    else if (each.kind === 'delivered') stretches.at(-1)?.push(each);
  }
  return stretches;
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
  return known ? [known] : ledger.unknownOf(channel);
}

/** Where there are no places, what one publisher has called comes in the order of its calls. */
function callDisorders(delivered: readonly Delivered[], ledger: PublishedIndex): string[] {
  const last = new Map<string, number>();
  return delivered.flatMap(({ id }) => {
    const turn = ledger.turnOf(id);
    if (turn === -1) return [];
    const publisher = publisherOf(id, ledger);
    const before = last.get(publisher) ?? -1;
    last.set(publisher, turn);
    return turn > before ? [] : [`got ${id} out of turn`];
  });
}

function publisherOf(id: string, ledger: PublishedIndex): string {
  return ledger.find(id)?.publisher ?? '';
}

/** I3: what was accepted inside a segment is there, but for volatile ones. */
function losses(segment: Segment, reader: Reader, ledger: PublishedIndex): string[] {
  const { from, delivered, end } = segment;
  const ids = new Set(delivered.map(({ id }) => id));
  const inside = from
    ? ledger.between(reader.channel, from, end)
    : unplacedInside(segment, ledger.of(reader.channel), ledger);
  return [...inside]
    .filter((each) => each.outcome === 'accepted' && !each.isVolatile && !ids.has(each.id))
    .filter((each) => !isConflated(each, segment, ledger))
    .map(({ id, position }) => `lost ${id} at ${inWords(position)}`);
}

/** What was called after the segment began, and before something of the same publisher that came. */
function unplacedInside(
  { callsBefore, delivered }: Segment,
  published: readonly Published[],
  ledger: PublishedIndex,
): readonly Published[] {
  const lastTurns = new Map<string, number>();
  for (const { id } of delivered) {
    const publisher = publisherOf(id, ledger);
    lastTurns.set(publisher, Math.max(lastTurns.get(publisher) ?? -1, ledger.turnOf(id)));
  }
  return published.filter(({ id, publisher = '' }) => {
    const turn = ledger.turnOf(id);
    return turn >= callsBefore && turn < (lastTurns.get(publisher) ?? -1);
  });
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
  const last = ledger.lastOf(channel);
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

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
