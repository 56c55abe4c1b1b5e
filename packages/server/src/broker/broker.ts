import type { HistoryLimits } from '../limits.ts';

/** Where a reader stands in a stream: an offset means something only inside its epoch. */
export interface StreamPosition {
  /** Random name of one life of the stream; if it changed, offsets mean nothing. */
  readonly epoch: string;
  /** Number of the publication, from 1, without holes; 0 before the first. */
  readonly offset: number;
}

/** One client in one channel, as others may see it. */
export interface ClientInfo {
  /** The user's id; `''` is anonymous. */
  readonly user: string;
  readonly client: string;
  /** What the principal lets others see: JSON text. */
  readonly connInfo?: string;
  /** What the room's rule lets others see: JSON text. */
  readonly chanInfo?: string;
  /** When it came to the channel, milliseconds since 1970. Other clients are not told. */
  readonly since: number;
}

/** Somebody came to a channel, or went. */
export interface PresenceChange {
  readonly kind: 'join' | 'leave';
  readonly info: ClientInfo;
}

/** One item of a channel. */
export interface Publication {
  /** The exact JSON text that was published: it is never parsed and printed again. */
  readonly data: string;
  /** Its place in the stream; 0 when it was not kept. */
  readonly offset: number;
  /** The client that published it; absent when the server did. */
  readonly info?: ClientInfo;
  /** Where it waits for a slow reader, it gives way to a newer one with the same key. */
  readonly conflationKey?: string;
}

/** A channel's past after some offset, and where the stream stands now. */
export interface History {
  /** In ascending order of offset, up to the top. May begin late: what was trimmed is missing. */
  readonly publications: readonly Publication[];
  readonly top: StreamPosition;
}

/** How to publish. */
export interface PublishOptions {
  /** What to keep; `null` keeps nothing and gives no offset. */
  readonly history: HistoryLimits | null;
  /** A second publish with the same key on the same channel within 5 minutes changes nothing and gets the first one's position. */
  readonly idempotencyKey?: string;
  /** Stored with the publication. */
  readonly info?: ClientInfo;
  /** Stored with the publication. */
  readonly conflationKey?: string;
  /**
   * How many replicas must have it, too; rejects with `NotDurableError` when they do not in time, and,
   * with nothing published, where the engine has none that it could ask. Default 0.
   */
  readonly replicas?: number;
}

/** What a broker tells its node. Must not throw and must not wait. */
export interface BrokerListener {
  /** A publication of a subscribed channel, in offset order per channel. */
  onPublication(channel: string, publication: Publication, epoch: string): void;
  /** A broadcast of a subscribed channel. */
  onPresenceChange?(channel: string, change: PresenceChange): void;
  /** It was cut off, and announces again: whatever was announced meanwhile is lost. */
  onResumed?(): void;
}

/**
 * What all nodes share: publish, subscribe, history, presence, who was put into which room, and what was
 * revoked. Channels are opaque keys to it.
 *
 * Guarantees that every engine gives:
 * - `publish` assigns the offset, appends and announces in one atomic step: announcements of a
 *   channel come in offset order, and a publication that can be read has been announced or will be.
 * - Calls of one node for one channel get offsets in call order, awaited or not.
 * - What is published without history is announced in its turn, with offset 0 and epoch `''`; a stream
 *   that the channel has stays as it is.
 * - Once `subscribe` has resolved, every later publication of the channel is announced, at most
 *   once. Losing one is legal (a network may), hiding it is not: offsets have no holes.
 * - Every call settles: an engine bounds its own waiting and rejects.
 * - `history` never answers with a hole, and creates the epoch of a stream that it is first to touch.
 * - Broadcasts have no offset and are not kept: at most once, those of one node for one channel in
 *   call order.
 * - Presence is eventually consistent: who was not named again for its time to live is not there.
 */
export interface Broker {
  /** Do other nodes share it? What is lost on the way from one to another is then to be expected. */
  readonly isShared: boolean;
  start(listener: BrokerListener): Promise<void>;
  /**
   * Resolves when the publication is stored. Rejects with `BrokerUnavailableError` when it
   * certainly was not; any other rejection leaves it unknown.
   */
  publish(channel: string, data: string, options: PublishOptions): Promise<StreamPosition>;
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Everything after `afterOffset` that is still kept; `null` asks for the top alone. */
  history(channel: string, afterOffset: number | null): Promise<History>;
  /**
   * Where the streams of these channels stand, in their order: as `history` of `null`, for many at once.
   * `null`: this one cannot be read at present. Rejects where none can.
   */
  tops(channels: readonly string[]): Promise<readonly (StreamPosition | null)[]>;
  /** Tells the subscribers of a channel, on all nodes, who came or went. */
  broadcast(channel: string, change: PresenceChange): Promise<void>;
  /** Names a client as present in a channel for that long; again before it is over to stay. */
  addPresence(channel: string, info: ClientInfo, ttlMs: number): Promise<void>;
  removePresence(channel: string, clientId: string): Promise<void>;
  /** Who is present, in the order of their coming. */
  presence(channel: string): Promise<readonly ClientInfo[]>;
  /** Keeps that a user was put into a room, until it is taken back. Users are opaque keys, too. */
  addJoin(user: string, room: string): Promise<void>;
  removeJoin(user: string, room: string): Promise<void>;
  /** The rooms that a user was put into, in the order of the joins. */
  joins(user: string): Promise<readonly string[]>;
  /**
   * Keeps for that long that what was issued to a subject (an opaque key of a user or a tenant) up to a
   * moment does not count any more. A later moment replaces an earlier one, never the other way round.
   */
  revoke(subject: string, at: number, ttlMs: number): Promise<void>;
  /** The latest moment that is kept for any of these subjects, milliseconds since 1970; `null`: none. */
  revokedAt(subjects: readonly string[]): Promise<number | null>;
  /** How it does; an engine inside the process has nothing to tell. */
  stats?(): BrokerStats;
  stop(): Promise<void>;
}

/** What a broker that is somewhere else has met, counted since it was made. */
export interface BrokerCounts {
  /** Connections to it that were lost. */
  readonly connectionsLost: number;
  /** Commands that it did not answer in time. */
  readonly lateAnswers: number;
  /** Commands that it has answered with an error. */
  readonly refusals: number;
  /** Messages and items from it that were none of ours, and were dropped. */
  readonly malformed: number;
  /** Publications that were stored and could not be announced: found later by the nodes. */
  readonly unannounced: number;
}

/** How a broker that is somewhere else does. */
export interface BrokerStats extends BrokerCounts {
  /** Can it be asked, and does it announce? */
  readonly isConnected: boolean;
  /** Commands that wait for an answer. */
  readonly inFlight: number;
  /** Channels that it announces. */
  readonly channels: number;
}

/** The broker could not be reached: nothing was published. */
export class BrokerUnavailableError extends Error {
  override readonly name = 'BrokerUnavailableError';
  readonly code = 'BROKER_UNAVAILABLE';
}

/**
 * Not as many replicas as asked for have it. It may be published all the same, and lost with the server that
 * has it; where no replica can be asked, it is not published.
 */
export class NotDurableError extends Error {
  override readonly name = 'NotDurableError';
  readonly code = 'NOT_DURABLE';
  /** Is it published? If not, it never will be: the engine has no replicas that it could ask. */
  readonly isPublished: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isPublished?: boolean } = {}) {
    super(message, options);
    this.isPublished = options.isPublished ?? true;
  }
}

/** The channel's tenant publishes too fast: nothing was published. */
export class RateLimitedError extends Error {
  override readonly name = 'RateLimitedError';
  readonly code = 'RATE_LIMITED';
}

/** The broker was asked and did not answer in time: the event may or may not be published. */
export class PublishTimeoutError extends Error {
  override readonly name = 'PublishTimeoutError';
  readonly code = 'PUBLISH_TIMEOUT';
}
