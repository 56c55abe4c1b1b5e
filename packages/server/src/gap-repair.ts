import { AsyncResource } from 'node:async_hooks';
import pLimit from 'p-limit';
import type { Broker, Publication, StreamPosition } from './broker/broker.ts';
import {
  type Announced,
  advance,
  type FollowedStream,
  type Follower,
  hold,
  lostOf,
  MAX_HELD,
  NOWHERE,
  type StreamKind,
  standsBefore,
} from './followed-stream.ts';
import { isUnbroken } from './unbroken.ts';

/** Whether anything may be delivered now: not before this node has heard what it must not deliver any more. */
export interface Leave {
  readonly mayDeliver: boolean;
  /** Resolves when it is given again; rejects when it cannot be now. */
  regain(): Promise<void>;
}

/** What the repair of gaps works with. */
export interface GapRepairOptions {
  readonly broker: Pick<Broker, 'isShared' | 'history' | 'tops'>;
  readonly leave: Leave;
  /** Milliseconds between two looks at all streams; `Infinity`: none. */
  readonly checkMs: number;
  /** So many publications were lost on their way, and have been delivered now. */
  readonly onRepaired: (count: number) => void;
  readonly onLost: () => void;
  readonly onError: (error: unknown) => void;
}

/** A stream that may have missed something until there. */
interface Suspect {
  readonly channel: string;
  readonly stream: FollowedStream;
  readonly top: StreamPosition;
}

/** Streams that the broker is asked about at a time. */
const BATCH = 1_000;
/** So long what has been published may still be on its way, milliseconds. */
const ON_ITS_WAY_MS = 100;
/** When what could not be read is tried again, milliseconds. */
const RETRY_MS = 1_000;
/** Histories that are read at a time: all of them at once would be late, and what is published with them. */
const READS_AT_ONCE = 8;
/** How often in a row a stream is read anew because more was announced meanwhile. */
const MAX_READS = 10;

/**
 * Sees to it that a node misses nothing of the streams that it follows, whatever is lost between broker and
 * node (promise P5). It knows one position per stream, and compares it with each announcement, and with the
 * broker when that was cut off and every other second: the last publication before a silence may be the one
 * that was lost. What is missing is read from the history and delivered in its order; clients notice
 * nothing of it.
 */
export class GapRepair {
  readonly #options: GapRepairOptions;
  readonly #streams = new Map<string, FollowedStream>();
  readonly #onTimer: () => void;
  readonly #reading = pLimit(READS_AT_ONCE);
  #timer: NodeJS.Timeout | undefined;
  /** When the timer rings; `Infinity`: it is not set. */
  #dueAt = Infinity;
  /** The look that is under way. */
  #checking: Promise<void> | null = null;
  /** Has somebody asked for one more since it began? */
  #isCheckedAgain = false;
  /** Is the leave to deliver being asked for? */
  #isRegaining = false;
  #isStopped = false;

  constructor(options: GapRepairOptions) {
    this.#options = options;
    // The timer is everybody's: set for a tenant's publication it must not act as that tenant.
    this.#onTimer = AsyncResource.bind(() => {
      this.#dueAt = Infinity;
      void this.check();
    });
  }

  start(): void {
    if (this.#options.broker.isShared) this.#schedule(this.#options.checkMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#streams.clear();
  }

  /** From here on the channel is announced to this node. */
  follow(channel: string, follower: Follower, { isKept, isOwn = false }: StreamKind): void {
    const unknown = { position: null, hasBegun: false, held: null, isBehind: false };
    this.#streams.set(channel, { follower, isKept, isOwn, ...unknown });
  }

  forget(channel: string): void {
    this.#streams.delete(channel);
  }

  /**
   * Somebody has read where a stream stands, and wants to be delivered whatever is published later. Answers
   * may overtake one another: of several, the one that has seen the least counts.
   */
  note(channel: string, top: StreamPosition): void {
    const stream = this.#streams.get(channel);
    if (!stream) return;
    const { position, hasBegun } = stream;
    if (!position) {
      stream.position = top;
    } else if (position.epoch !== top.epoch) {
      if (!hasBegun) stream.position = NOWHERE;
      if (!stream.held && !stream.isBehind) void this.#repair(channel, stream, []);
    } else if (!hasBegun && top.offset < position.offset) {
      stream.position = top;
    }
  }

  /** Takes an announcement. `false`: nobody follows the channel. */
  announced(channel: string, publication: Publication, epoch: string): boolean {
    const stream = this.#streams.get(channel);
    if (!stream) return false;
    if (publication.offset === 0) {
      // What has no place in the stream is missed by nobody, and without leave it is left out.
      if (this.#mayDeliver(stream)) stream.follower.deliver(publication, epoch);
    } else if (stream.held) {
      hold(stream.held, { publication, epoch });
    } else if (stream.isBehind) {
      // It is in the stream, which is read again in a moment: not at each announcement.
      this.#retryLater();
    } else if (!this.#mayDeliver(stream)) {
      this.#holdWithoutLeave(stream, { publication, epoch });
    } else if (!advance(stream, { publication, epoch })) {
      void this.#repair(channel, stream, [{ publication, epoch }]);
    }
    return true;
  }

  /** Reads what is missing of one stream, at once. Rejects when it cannot be read. */
  async catchUp(channel: string): Promise<void> {
    const stream = this.#streams.get(channel);
    if (!stream) return;
    const [top = null] = await this.#options.broker.tops([channel]);
    if (!stream.held && top && standsBefore(stream, top)) await this.#repair(channel, stream, []);
    if (!top || stream.isBehind) throw new Error(`${channel} could not be read`);
  }

  /** Compares all streams with the broker, and fills what is missing; once more for all who ask meanwhile. */
  async check(): Promise<void> {
    if (this.#checking) {
      this.#isCheckedAgain = true;
      return await this.#checking;
    }
    this.#checking = this.#checkUntilDone();
    await this.#checking;
  }

  async #checkUntilDone(): Promise<void> {
    do {
      this.#isCheckedAgain = false;
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await this.#look();
    } while (this.#isCheckedAgain && !this.#isStopped);
    this.#checking = null;
    if (this.#options.broker.isShared) this.#schedule(this.#options.checkMs);
  }

  async #look(): Promise<void> {
    try {
      await this.#regainLeave();
      this.#releaseHeld();
      await this.#compare(this.#channelsInDoubt());
    } catch (error) {
      this.#retryLater();
      this.#options.onError(error);
    }
  }

  #channelsInDoubt(): string[] {
    const { isShared } = this.#options.broker;
    return [...this.#streams].flatMap(([channel, { isKept, isBehind }]) =>
      (isKept && isShared) || isBehind ? [channel] : [],
    );
  }

  async #compare(channels: readonly string[]): Promise<void> {
    const suspects: Suspect[] = [];
    for (let from = 0; from < channels.length; from += BATCH) {
      const batch = channels.slice(from, from + BATCH);
      // oxlint-disable-next-line no-await-in-loop -- never more than a batch at a time
      suspects.push(...this.#suspectsOf(batch, await this.#options.broker.tops(batch)));
    }
    if (suspects.length === 0) return;
    await pause(ON_ITS_WAY_MS);
    const behind = suspects.filter(({ stream, top }) => !stream.held && standsBefore(stream, top));
    await Promise.all(behind.map(({ channel, stream }) => this.#repair(channel, stream, [])));
  }

  #suspectsOf(
    channels: readonly string[],
    tops: readonly (StreamPosition | null)[],
  ): readonly Suspect[] {
    return channels.flatMap((channel, index) => {
      const stream = this.#streams.get(channel);
      const top = tops[index];
      if (!stream || !top || stream.held) return [];
      stream.position ??= top;
      stream.isBehind = standsBefore(stream, top) && stream.isBehind;
      return standsBefore(stream, top) ? [{ channel, stream, top }] : [];
    });
  }

  /** Reads what is missing, until nothing that was announced meanwhile is. */
  async #repair(channel: string, stream: FollowedStream, held: Announced[]): Promise<void> {
    stream.held = held;
    stream.isBehind = true;
    try {
      for (let reads = 0; stream.isBehind && reads < MAX_READS; reads += 1) {
        // oxlint-disable-next-line no-await-in-loop -- each read begins where the one before has ended
        await this.#fill(channel, stream);
        stream.isBehind = !this.#advanceThroughHeld(channel, stream);
      }
    } catch (error) {
      this.#options.onError(error);
    }
    stream.held = null;
    if (stream.isBehind) this.#retryLater();
  }

  async #fill(channel: string, stream: FollowedStream): Promise<void> {
    const { broker, leave, onRepaired, onLost } = this.#options;
    const { position, follower } = stream;
    if (!position) return;
    const history = await this.#reading(() => broker.history(channel, position.offset));
    if (!this.#mayDeliver(stream)) await leave.regain();
    // Somebody else may have come meanwhile who has seen less: then it is read again.
    if (this.#streams.get(channel) !== stream || stream.position !== position) return;
    stream.position = history.top;
    stream.hasBegun = true;
    if (!isUnbroken(history, position)) {
      onLost();
      follower.lose(history.top);
      return;
    }
    onRepaired(lostOf(history.publications, stream.held ?? []));
    for (const publication of history.publications) {
      follower.deliver(publication, history.top.epoch);
    }
  }

  /** Goes on with what was announced meanwhile. `false`: of that, too, something is missing. */
  #advanceThroughHeld(channel: string, stream: FollowedStream): boolean {
    if (this.#streams.get(channel) !== stream) return true;
    const held = stream.held ?? [];
    stream.held = [];
    const isFull = held.length >= MAX_HELD;
    return held.map((announced) => advance(stream, announced)).every(Boolean) && !isFull;
  }

  #mayDeliver({ isOwn }: FollowedStream): boolean {
    return isOwn || this.#options.leave.mayDeliver;
  }

  #holdWithoutLeave(stream: FollowedStream, announced: Announced): void {
    stream.held = [announced];
    if (!this.#isRegaining) void this.check();
  }

  async #regainLeave(): Promise<void> {
    const { leave } = this.#options;
    if (leave.mayDeliver) return;
    this.#isRegaining = true;
    try {
      await leave.regain();
    } finally {
      this.#isRegaining = false;
    }
  }

  /** Lets go on what was held for want of leave, whoever has regained it. */
  #releaseHeld(): void {
    for (const [channel, stream] of this.#streams) {
      if (stream.held && !stream.isBehind) void this.#repair(channel, stream, stream.held);
    }
  }

  #retryLater(): void {
    this.#schedule(RETRY_MS);
  }

  /** Looks again after that time; no later than was said before. */
  #schedule(delayMs: number): void {
    const dueAt = performance.now() + delayMs;
    if (this.#isStopped || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(this.#onTimer, delayMs);
    this.#timer.unref();
  }
}

async function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  await promise;
}
