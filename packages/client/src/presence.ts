import type { Member, MemberList } from '@trunkline/contract';
import { CallError } from './call.ts';
import { warn } from './log.ts';
import { isPageHidden } from './page.ts';
import { Store } from './store.ts';
import type { PresenceChange } from './subscription.ts';

/** Who is in a room, as far as this page knows. */
export interface PresenceState {
  /** Who came first is first. Of very many only the first ones. */
  readonly members: readonly Member[];
  /** How many they are, the ones that are not in the list included. */
  readonly total: number;
  /** Has the server been heard? */
  readonly isLoaded: boolean;
}

/** Before the server has been heard. */
export const NOBODY: PresenceState = Object.freeze({
  members: Object.freeze([]),
  total: 0,
  isLoaded: false,
});

/** What presence works with. */
export interface PresenceSource {
  read(): Promise<MemberList>;
  /** Is this the page's own connection, which every list has already? */
  isOwn(clientId: string): boolean;
}

/** A list on its way, and what has happened since it was asked for. */
interface Reading {
  readonly changes: PresenceChange[];
}

const READ_EVERY_MS = 30_000;
/** After a change whose outcome is unsure. */
const READ_SOON_MS = 2000;

/**
 * Who is in a room: the server's list, kept up to date by those who come and go in between. Read anew
 * after each connect and from time to time, because joins and leaves are told at most once.
 */
export class Presence {
  readonly state: Store<PresenceState> = new Store<PresenceState>(NOBODY);
  readonly #source: PresenceSource;
  #watchers = 0;
  #isJoined = false;
  /** The page was hidden when the list was due. */
  #waitsForReturn = false;
  #reading: Reading | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  /** When the list came. */
  #listedAt = 0;

  constructor(source: PresenceSource) {
    this.#source = source;
  }

  /** Keeps the list up to date until the returned function is called. */
  watch(): () => void {
    if (++this.#watchers === 1 && this.#isJoined) this.#read();
    let isWatching = true;
    return () => {
      if (!isWatching) return;
      isWatching = false;
      if (--this.#watchers === 0) this.#stop();
    };
  }

  /** The page is in the room, or is again. */
  onJoined(): void {
    this.#isJoined = true;
    if (this.#watchers > 0) this.#read();
  }

  /** The user is back at the page. */
  onReturn(): void {
    if (this.#waitsForReturn) this.#read();
  }

  onChange(change: PresenceChange): void {
    if (this.#source.isOwn(change.clientId)) return;
    if (this.#reading) this.#reading.changes.push(change);
    else this.#apply(change);
  }

  /** Forgets everybody: the page is in the room no more, or is somebody else's. */
  clear(): void {
    this.#isJoined = false;
    this.#stop();
    this.state.set(NOBODY);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#waitsForReturn = false;
    this.#reading = null;
  }

  #read(): void {
    this.#stop();
    const reading: Reading = { changes: [] };
    this.#reading = reading;
    void this.#load(reading);
  }

  async #load(reading: Reading): Promise<void> {
    try {
      const list = await this.#source.read();
      if (this.#reading === reading) this.#onList(list, reading);
    } catch (error) {
      if (this.#reading === reading) this.#onFailure(error as Error);
    }
  }

  #onList({ members, total }: MemberList, { changes }: Reading): void {
    this.#reading = null;
    this.#listedAt = performance.now();
    this.#readLater(READ_EVERY_MS);
    this.#set(members, total);
    for (const change of changes) {
      const isListed = this.#find(change.userId) !== undefined;
      if (change.isHere && !isListed) this.#apply(change);
      // was the list made before they left, or is this another connection of theirs?
      if (!change.isHere && isListed) this.#readLater(READ_SOON_MS);
    }
  }

  #onFailure(error: Error): void {
    this.#reading = null;
    const reason = error instanceof CallError ? error.reason : 'failed';
    if (reason === 'forbidden') return; // taken out: the news of that is on its way
    if (reason === 'not-found')
      warn('Who is in a room is not told: its rule needs presence: true.');
    else this.#readLater(READ_EVERY_MS);
  }

  /** Reads in so long, or before, if that is due already. */
  #readLater(afterMs: number): void {
    // not all pages of a room at once
    const delayMs = afterMs * (1 + Math.random() / 2);
    const dueAt = performance.now() + delayMs;
    if (dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => this.#onDue(), delayMs);
  }

  #onDue(): void {
    if (isPageHidden()) this.#waitsForReturn = true;
    else this.#read();
  }

  #find(userId: string): Member | undefined {
    return this.state.get().members.find((member) => member.userId === userId);
  }

  #apply({ isHere, userId, info }: PresenceChange): void {
    const { members, total, isLoaded } = this.state.get();
    // who is not in the list cannot be told from who is nowhere
    if (!isLoaded || total > members.length) return;
    const member = this.#find(userId);
    if (!member) {
      if (isHere) this.#set([...members, newcomer(userId, info)]);
      return;
    }
    const connections = member.connections + (isHere ? 1 : -1);
    const changed = connections > 0 ? [{ ...member, connections }] : [];
    this.#set(members.flatMap((other) => (other === member ? changed : other)));
    // the list may have known of this leave already, or of a join that has been counted again
    const isFresh = performance.now() - this.#listedAt < READ_SOON_MS;
    if (!isHere && (isFresh || connections > 0)) this.#readLater(READ_SOON_MS);
  }

  #set(members: readonly Member[], total: number = members.length): void {
    const before = this.state.get();
    const state = { members, total, isLoaded: true };
    // most lists say what is known
    if (JSON.stringify(state) !== JSON.stringify(before)) this.state.set(state);
  }
}

function newcomer(userId: string, info: unknown): Member {
  return { userId, since: Date.now(), connections: 1, ...(info === undefined ? {} : { info }) };
}
