import type { Publication, StreamPosition } from './broker/broker.ts';

/** Who takes what a broker announces of a channel. */
export interface Follower {
  /** Takes one publication: those with an offset in its order, each once, without a hole. */
  deliver(publication: Publication, epoch: string): void;
  /** The stream has come to there, and what is missing until there cannot be had any more. */
  lose(top: StreamPosition): void;
}

/** What is known of a channel before anything of it is. */
export interface StreamKind {
  /** Does it keep a history? */
  readonly isKept: boolean;
  /** Is it the node's own, and delivered with leave or without? Default `false`. */
  readonly isOwn?: boolean;
}

/** What a broker has announced. */
export interface Announced {
  readonly publication: Publication;
  readonly epoch: string;
}

/** A stream that this node follows, and how far it has come. */
export interface FollowedStream {
  readonly follower: Follower;
  readonly isOwn: boolean;
  /** Does the channel keep a history? */
  readonly isKept: boolean;
  /** The last publication that was delivered, or where the stream stood before the first; `null`: not known. */
  position: StreamPosition | null;
  /** Has anything been delivered? Until then the position is only where somebody has seen the stream. */
  hasBegun: boolean;
  /** What is announced while its gap is being filled, or without leave; `null`: nothing is in its way. */
  held: Announced[] | null;
  /** Something is missing that could not be read yet. */
  isBehind: boolean;
}

/** In no life of a stream: who stands there has missed something. */
export const NOWHERE: StreamPosition = { epoch: '?', offset: 0 };
/** Announcements that are held for a stream; what comes on top is read from the history, too. */
export const MAX_HELD = 100;

/** Delivers what follows, and passes over what has been delivered. `false`: it does neither. */
export function advance(stream: FollowedStream, { publication, epoch }: Announced): boolean {
  const { position, follower } = stream;
  const { offset } = publication;
  if (position && position.epoch === epoch && offset <= position.offset) return true;
  if (position && (position.epoch !== epoch || offset !== position.offset + 1)) return false;
  stream.position = { epoch, offset };
  stream.hasBegun = true;
  follower.deliver(publication, epoch);
  return true;
}

/** Keeps an announcement for later, if there is room. */
export function hold(held: Announced[], announced: Announced): void {
  if (held.length < MAX_HELD) held.push(announced);
}

/** Has it not come to there? */
export function standsBefore({ position }: FollowedStream, top: StreamPosition): boolean {
  return position?.epoch !== top.epoch || position.offset < top.offset;
}

/** How many of these were announced to nobody. */
export function lostOf(publications: readonly Publication[], held: readonly Announced[]): number {
  const announced = new Set(held.map(({ publication }) => publication.offset));
  return publications.filter(({ offset }) => !announced.has(offset)).length;
}
