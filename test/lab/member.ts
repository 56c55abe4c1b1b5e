import { setTimeout as sleep } from 'node:timers/promises';
import { frameOf, RawSocket } from '../../packages/server/test/hostile-frames.ts';
import { channelsOf, keyOf, type Person } from './cast.ts';

/** What happened to all members, counted. */
export interface Tally {
  heard: number;
  /** Missing without having been told. */
  lost: number;
  repeated: number;
  /** Came back and were told that they miss something. */
  gaps: number;
  /** What nobody had taken from them, and ended all the same. */
  readonly unexpected: Record<string, number>;
}

/** The last publication that came of a channel. */
export interface Arrival {
  readonly n: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

interface Position {
  readonly epoch: string;
  offset: number;
}

interface Subscribed {
  readonly epoch?: string;
  readonly offset?: number;
  readonly recovered?: boolean;
  readonly was_recovering?: boolean;
  readonly publications?: readonly { readonly offset?: number }[];
}

interface Line {
  readonly id?: number;
  readonly error?: { readonly code: number };
  readonly connect?: { readonly subs?: Readonly<Record<string, Subscribed>> };
  readonly subscribe?: Subscribed;
  readonly push?: {
    readonly channel?: string;
    readonly pub?: { readonly offset?: number };
    readonly subscribe?: Subscribed;
    readonly unsubscribe?: { readonly code: number };
  };
}

interface Asked {
  readonly wire: string | null;
  readonly answered: (code: number) => void;
}

/** How a publication says which one it is; looked for in raw text, wherever it stands. */
const CONTENT = /"c":"([^"]+)","n":(\d+)/g;
const RETRY_MS = 20;
/** Stands for an answer, where the connection has gone. */
const CUT = 1;
/** Below this, a client comes back. */
const FIRST_TERMINAL = 3_500;

/** One tab of a person: keeps its places, says what it was told, and counts what it misses. */
export class Member {
  /** What has been taken from it, or is about to be: wire names, and `*` for the connection. */
  readonly losing = new Set<string>();
  /** What it is subscribed to. */
  readonly isIn = new Set<string>();
  readonly arrivals = new Map<string, Arrival>();
  /** How many publications each of its channels recovered at the last connect. */
  readonly recovered = new Map<string, number>();
  token: string;
  isConnected = false;
  readonly #urls: readonly string[];
  readonly #person: Person;
  readonly #tally: Tally;
  readonly #positions = new Map<string, Position>();
  /** Channels whose next publication follows the one before. */
  readonly #followed = new Map<string, number>();
  readonly #asked = new Map<number, Asked>();
  #socket: RawSocket | null = null;
  /** Between two pieces that it reads; `null`: it does not read. */
  #pauseMs: number | null = 0;
  #lastId = 0;
  #turn: number;

  constructor(urls: readonly string[], person: Person, tally: Tally) {
    this.#urls = urls;
    this.#turn = person.user;
    this.#person = person;
    this.#tally = tally;
    this.token = newToken(person);
  }

  /**
   * Comes with all its places, as often as it is told to come back, and asks for its room in the same
   * frame. Gives what the connect and the room were answered with; 0: yes.
   */
  async connect(): Promise<{ code: number; chat: number }> {
    for (;;) {
      const { code, chat } = await this.#connectOnce();
      if (code === 0 || code >= FIRST_TERMINAL) return { code, chat };
      await sleep(RETRY_MS);
    }
  }

  /** Asks for a channel from where it stood in it; gives the error's code, 0: it is in, 1: it was cut. */
  async subscribe(wire: string): Promise<number> {
    if (!this.isConnected) return CUT;
    const asked = Promise.withResolvers<number>();
    this.#write([this.#command(wire, asked.resolve)]);
    return await asked.promise;
  }

  /** Leaves a channel by itself, and does not look at the answer. */
  unsubscribe(channel: string): void {
    this.#lastId += 1;
    this.isIn.delete(channel);
    this.#write([{ id: this.#lastId, unsubscribe: { channel } }]);
  }

  /** Begins anew, as somebody who was let in again. */
  renewToken(): void {
    this.token = newToken(this.#person);
  }

  cut(): void {
    this.losing.add('*');
    this.#socket?.tcp.destroy();
    this.#left();
  }

  /** Reads no more. */
  pause(): void {
    this.#pauseMs = null;
    this.#socket?.tcp.pause();
  }

  /** Reads on, with so many milliseconds between two pieces. */
  resume(pauseMs = 0): void {
    this.#pauseMs = pauseMs;
    this.#socket?.tcp.resume();
  }

  async #connectOnce(): Promise<{ code: number; chat: number }> {
    const url = this.#urls[this.#turn % this.#urls.length] ?? '';
    this.#turn += 1;
    const socket = new RawSocket(url, { onText: (text) => this.#read(socket, text) });
    this.#socket = socket;
    this.#pauseMs = 0;
    socket.tcp.on('data', () => this.#rest(socket));
    this.#asked.clear();
    this.recovered.clear();
    const closed = socket.closed();
    void closed.then((code) => this.#closed(socket, code));
    await socket.upgrade();
    if (socket.status !== 101) {
      socket.tcp.destroy();
      return { code: socket.status ?? CUT, chat: 0 };
    }
    const [connected, chat] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const ended = closed.then((code) => code ?? CUT);
    this.#write([
      this.#connectCommand(connected.resolve),
      this.#command(channelsOf(this.#person).chat, chat.resolve),
    ]);
    const code = await Promise.race([connected.promise, ended]);
    return { code, chat: code === 0 ? await Promise.race([chat.promise, ended]) : 0 };
  }

  #rest({ tcp }: RawSocket): void {
    if (!this.#pauseMs) return;
    tcp.pause();
    setTimeout(() => {
      if (this.#pauseMs !== null) tcp.resume();
    }, this.#pauseMs);
  }

  #connectCommand(answered: Asked['answered']): object {
    this.#lastId += 1;
    this.#asked.set(this.#lastId, { wire: null, answered });
    const subs = Object.fromEntries(
      [...this.#positions].map(([wire, position]) => [wire, { recover: true, ...position }]),
    );
    return { id: this.#lastId, connect: { token: this.token, subs } };
  }

  #command(channel: string, answered: Asked['answered']): object {
    this.#lastId += 1;
    this.#asked.set(this.#lastId, { wire: channel, answered });
    const position = this.#positions.get(channel);
    const recover = position ? { recover: true, ...position } : {};
    return { id: this.#lastId, subscribe: { channel, ...recover } };
  }

  #write(commands: readonly object[]): void {
    this.#socket?.write(frameOf(commands.map((command) => JSON.stringify(command)).join('\n')));
  }

  #read(socket: RawSocket, text: string): void {
    for (const line of text.split('\n')) {
      if (line === '{}') socket.write(frameOf('{}'));
      else if (socket === this.#socket) this.#take(JSON.parse(line) as Line);
      // Whatever the line is, and on whichever socket: this is what came.
      for (const [, key = '', n] of line.matchAll(CONTENT)) this.#heard(key, Number(n));
    }
  }

  #take({ id, error, connect, subscribe, push }: Line): void {
    if (id !== undefined) this.#answered(id, error?.code ?? 0, connect, subscribe);
    const { channel = '', pub, subscribe: begun, unsubscribe } = push ?? {};
    if (begun) this.#entered(channel, begun);
    if (unsubscribe) this.#ended(channel, unsubscribe.code);
    const position = this.#positions.get(channel);
    if (position && pub?.offset) position.offset = pub.offset;
  }

  #answered(id: number, code: number, connect: Line['connect'], subscribe?: Subscribed): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (connect) this.isConnected = true;
    for (const [wire, sub] of Object.entries(connect?.subs ?? {})) this.#entered(wire, sub);
    if (subscribe && asked?.wire) this.#entered(asked.wire, subscribe);
    asked?.answered(code);
  }

  #entered(wire: string, { epoch = '', offset = 0, ...sub }: Subscribed): void {
    const { was_recovering: wasRecovering, recovered, publications = [] } = sub;
    this.isIn.add(wire);
    if (!recovered) this.#followed.delete(keyOf(this.#person, wire));
    if (wasRecovering && !recovered) this.#tally.gaps += 1;
    this.recovered.set(wire, publications.length);
    this.#positions.set(wire, { epoch, offset: publications.at(-1)?.offset ?? offset });
  }

  #ended(wire: string, code: number): void {
    this.isIn.delete(wire);
    if (!this.losing.has(wire)) this.#count(`unsubscribed ${code}`);
  }

  #heard(key: string, n: number): void {
    this.arrivals.set(key, { n, at: performance.timeOrigin + performance.now() });
    this.#tally.heard += 1;
    const before = this.#followed.get(key) ?? n - 1;
    this.#followed.set(key, Math.max(n, before));
    if (n > before + 1) this.#tally.lost += n - before - 1;
    if (n <= before) this.#tally.repeated += 1;
  }

  #closed(socket: RawSocket, code: number | null): void {
    if (socket !== this.#socket) return;
    if (this.isConnected && !this.losing.has('*')) this.#count(`closed ${code ?? 'cut'}`);
    this.#left();
  }

  #left(): void {
    this.isConnected = false;
    this.isIn.clear();
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    // What a connect gets is the code that it was closed with.
    for (const { wire, answered } of asked) if (wire !== null) answered(CUT);
  }

  #count(what: string): void {
    this.#tally.unexpected[what] = (this.#tally.unexpected[what] ?? 0) + 1;
  }
}

function newToken({ tenant, user }: Person): string {
  return `${tenant}/u${user}@${Date.now()}`;
}
