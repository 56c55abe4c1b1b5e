import type { Invariant } from './checker.ts';
import {
  type Delivered,
  type History,
  markerOf,
  type Published,
  type Reader,
  type Subscribed,
} from './ledger.ts';

/** A way in which a server can break a promise. */
export interface Defect {
  readonly name: string;
  /** The promise under which it must be reported. */
  readonly invariant: Invariant;
  /** All histories that differ from this one by one such defect. */
  readonly variants: (history: History) => readonly (() => History)[];
}

/** Every defect that the checker must find. */
export const defects: readonly Defect[] = [
  {
    name: 'an offset is used again for another publication',
    invariant: 'I1',
    variants: (history) =>
      placesOf(history, (_, published) => Boolean(published?.position)).map((place) => () => {
        const { channel, tenantId } = place.reader;
        const id = 'an impostor';
        const impostor: Published = {
          id,
          channel,
          tenantId,
          outcome: 'unknown',
          position: null,
        };
        return replace({ ...history, published: [...history.published, impostor] }, place, [
          { ...place.told, id },
        ]);
      }),
  },
  {
    name: 'two are swapped',
    invariant: 'I2',
    variants: (history) =>
      placesOf(history, isBeforeItsLike).map(
        (place) => () => replace(history, place, [place.next, place.told], 2),
      ),
  },
  {
    name: 'a volatile one comes behind a later one',
    invariant: 'I2',
    variants: (history) =>
      volatilesOf(history)
        .filter((place) => isBeforeVolatile(history, place))
        .map((place) => () => {
          const { reader, index, told } = place;
          return withReader(history, reader, [...reader.told.toSpliced(index, 1), told]);
        }),
  },
  {
    name: 'a volatile one has a place in the stream',
    invariant: 'I2',
    variants: (history) =>
      volatilesOf(history)
        .filter((place) => endBefore(place) !== null)
        .map((place) => () => {
          const { epoch, offset } = endBefore(place) ?? { epoch: '', offset: 0 };
          const position = { epoch, offset: offset + 1 };
          return replace(history, place, [{ ...place.told, position }]);
        }),
  },
  {
    name: 'a gap signal says nothing',
    invariant: 'I2',
    variants: (history) =>
      gapsOf(history).map(
        (place) => () => replace(history, place, [{ ...place.told, wasRecovering: false }]),
      ),
  },
  {
    name: 'a gap signal says that all was recovered',
    invariant: 'I2',
    variants: (history) =>
      gapsOf(history)
        .filter((place) => !isSame(endBefore(place), place.told.position))
        .map((place) => () => replace(history, place, [{ ...place.told, recovered: true }])),
  },
  {
    name: 'a gap signal is forgotten',
    invariant: 'I2',
    variants: (history) =>
      gapsOf(history)
        .filter((place) => isKept(place.next) && hidesLoss(history, place))
        .map((place) => () => replace(history, place, [])),
  },
  {
    name: 'one is dropped',
    invariant: 'I3',
    variants: (history) =>
      droppable(history, ({ next }, { position }) => position !== null && isKept(next)).map(
        (place) => () => replace(history, place, []),
      ),
  },
  {
    name: 'one is dropped where there is no history',
    invariant: 'I3',
    variants: (history) => {
      if (history.losesUnkept) return [];
      const isUnkept = (place: Place<Delivered>, published: Published) =>
        place.told.position === null && history.published.indexOf(published) >= callsBefore(place);
      return droppable(history, isUnkept).map((place) => () => replace(history, place, []));
    },
  },
  {
    name: 'one comes twice',
    invariant: 'I4',
    variants: (history) =>
      placesOf(history).map((place) => () => replace(history, place, [place.told, place.told])),
  },
  {
    name: 'one comes again at the end',
    invariant: 'I4',
    variants: (history) =>
      placesOf(history).map((place) => () => {
        const told = [...place.reader.told, place.told];
        return withReader(history, place.reader, told);
      }),
  },
  {
    name: 'one comes that nobody published',
    invariant: 'I5',
    variants: (history) =>
      placesOf(history).map((place) => () => {
        return replace(history, place, [{ ...place.told, id: 'a phantom' }]);
      }),
  },
  {
    name: 'one comes that was rejected',
    invariant: 'I5',
    variants: (history) =>
      placesOf(history).map((place) => () => {
        const published = history.published.map((each) =>
          each.id === place.told.id
            ? { ...each, outcome: 'rejected' as const, position: null }
            : each,
        );
        return { ...history, published };
      }),
  },
  {
    name: "one of another channel's comes",
    invariant: 'I5',
    variants: (history) =>
      placesOf(history).flatMap((place) => {
        const other = history.published.find(({ channel }) => channel !== place.reader.channel);
        if (!other) return [];
        return [() => replace(history, place, [{ ...place.told, id: other.id }])];
      }),
  },
  {
    name: "one of another tenant's comes",
    invariant: 'I6',
    variants: (history) =>
      placesOf(history).map((place) => () => {
        const tenantId = otherTenant(history, place.reader.tenantId);
        return replace(history, place, [{ ...place.told, tenantId }]);
      }),
  },
  {
    name: "another tenant's text is in the bytes",
    invariant: 'I6',
    variants: (history) =>
      history.frames.map((frame, index) => () => {
        const stray = markerOf(otherTenant(history, frame.tenantId));
        const frames = history.frames.with(index, { ...frame, text: `${frame.text}\n${stray}` });
        return { ...history, frames };
      }),
  },
  {
    name: 'the last one never comes',
    invariant: 'I7',
    variants: (history) =>
      placesOf(
        history,
        ({ reader, next }, published) =>
          reader.isLive && !next && isAccepted(published) && !published?.isVolatile,
      ).map((place) => () => replace(history, place, [])),
  },
];

/** Somewhere in what a reader was told. */
interface Place<T> {
  readonly reader: Reader;
  readonly index: number;
  readonly told: T;
  readonly before: Reader['told'][number] | undefined;
  readonly next: Reader['told'][number] | undefined;
}

function placesOf(
  { readers, published }: History,
  fits: (place: Place<Delivered>, published: Published | undefined) => boolean = () => true,
): Place<Delivered>[] {
  const byId = new Map(published.map((each) => [each.id, each]));
  return readers
    .flatMap((reader) => placesIn(reader))
    .filter((place): place is Place<Delivered> => place.told.kind === 'delivered')
    .filter((place) => fits(place, byId.get(place.told.id)));
}

/** Deliveries of volatile ones. */
function volatilesOf(history: History): Place<Delivered>[] {
  return placesOf(history, (_, published) => published?.isVolatile ?? false);
}

/** Does one of the same kind come next: with a place in the stream, or without? */
function isBeforeItsLike({ told, next }: Place<Delivered>): boolean {
  return next?.kind === 'delivered' && (next.position === null) === (told.position === null);
}

/** Does another volatile one come after it? */
function isBeforeVolatile({ published }: History, { reader, index }: Place<Delivered>): boolean {
  const volatiles = new Set(published.filter(({ isVolatile }) => isVolatile).map(({ id }) => id));
  return reader.told
    .slice(index + 1)
    .some((each) => each.kind === 'delivered' && volatiles.has(each.id));
}

/** Is it a delivery with a place in the stream? */
function isKept(told: Reader['told'][number] | undefined): boolean {
  return told?.kind === 'delivered' && told.position !== null;
}

/** Deliveries between two others of the same segment, for which nothing later can stand. */
function droppable(
  history: History,
  fits: (place: Place<Delivered>, published: Published) => boolean,
): Place<Delivered>[] {
  return placesOf(
    history,
    (place, published) =>
      place.before?.kind === 'delivered' &&
      place.next?.kind === 'delivered' &&
      published?.outcome === 'accepted' &&
      published.conflationKey === undefined &&
      !published.isVolatile &&
      fits(place, published),
  );
}

/** How many publishes had been called when the reader's subscription began. */
function callsBefore({ reader, index }: Place<unknown>): number {
  const told = reader.told.slice(0, index).findLast(({ kind }) => kind === 'subscribed');
  return told?.kind === 'subscribed' ? told.callsBefore : 0;
}

/** Gap signals that came after something. */
function gapsOf({ readers }: History): Place<Subscribed>[] {
  return readers
    .flatMap((reader) => placesIn(reader))
    .filter((place): place is Place<Subscribed> => place.told.kind === 'subscribed')
    .filter(({ told, before }) => told.wasRecovering && !told.recovered && before !== undefined);
}

function placesIn(reader: Reader): Place<Reader['told'][number]>[] {
  const { told } = reader;
  return told.map((each, index) => {
    return { reader, index, told: each, before: told[index - 1], next: told[index + 1] };
  });
}

function replace(
  history: History,
  { reader, index }: Place<unknown>,
  by: readonly (Reader['told'][number] | undefined)[],
  count = 1,
): History {
  const told = reader.told.toSpliced(index, count, ...by.filter((each) => each !== undefined));
  return withReader(history, reader, told);
}

function withReader(history: History, reader: Reader, told: Reader['told']): History {
  const readers = history.readers.map((each) => (each === reader ? { ...reader, told } : each));
  return { ...history, readers };
}

/** Is there something in this gap for which nothing later can stand? */
function hidesLoss({ published }: History, place: Place<Subscribed>): boolean {
  const [from, to] = [endBefore(place), place.told.position];
  if (!from || !to || from.epoch !== to.epoch) return true;
  return published.some(({ channel, position, conflationKey }) => {
    const isThere = channel === place.reader.channel && position?.epoch === to.epoch;
    const isMissed = isThere && position.offset > from.offset && position.offset <= to.offset;
    return isMissed && conflationKey === undefined;
  });
}

/** Where the reader stood before this: volatile ones do not say. */
function endBefore({ reader, index }: Place<unknown>): Delivered['position'] {
  const before = reader.told
    .slice(0, index)
    .findLast((each) => each.kind === 'ended' || each.position !== null);
  return before === undefined || before.kind === 'ended' ? null : before.position;
}

function isSame(a: Delivered['position'], b: Delivered['position']): boolean {
  return a?.epoch === b?.epoch && a?.offset === b?.offset;
}

function isAccepted(published: Published | undefined): boolean {
  return published?.outcome === 'accepted';
}

function otherTenant({ tenantIds }: History, tenantId: string): string {
  return tenantIds.find((each) => each !== tenantId) ?? `not ${tenantId}`;
}
