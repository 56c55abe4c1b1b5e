import { frameOf, RawSocket } from '../../packages/server/test/hostile-frames.ts';
import type { ClientListener } from './recorder.ts';
import { reset } from './reset.ts';

/** Who connects, where, and to what. */
export interface RawClientOptions {
  /** Where it connects, one after the other, as behind a load balancer. */
  readonly urls: readonly string[];
  readonly token: string;
  /** Rooms that it asks for. */
  readonly rooms: readonly string[];
  /** Of the upgrade, each with its line end. */
  readonly headers?: string;
  readonly listener: ClientListener & { left(wireName: string): void };
  readonly random?: () => number;
}

interface Subscribed {
  readonly epoch?: string;
  readonly offset?: number;
  readonly recoverable?: boolean;
  readonly positioned?: boolean;
  readonly recovered?: boolean;
  readonly was_recovering?: boolean;
  readonly publications?: readonly Publication[];
}

interface Publication {
  readonly data: unknown;
  readonly offset?: number;
}

interface Line {
  readonly id?: number;
  readonly error?: { readonly code: number; readonly temporary?: boolean };
  readonly connect?: {
    readonly ping?: number;
    readonly subs?: Readonly<Record<string, Subscribed>>;
  };
  readonly subscribe?: Subscribed;
  readonly push?: {
    readonly channel?: string;
    readonly pub?: Publication;
    readonly subscribe?: Subscribed;
    readonly unsubscribe?: { readonly code: number };
  };
}

// As in centrifuge-js 5.8 (protocol, section 21).
const MIN_DELAY_MS = 500;
const MAX_DELAY_MS = 20_000;
const TIMEOUT_MS = 5_000;
const PING_DELAY_MS = 10_000;
const CONNECT_ID = 1;
/** Below it the server takes a channel away; from it on the client is to ask for it again. */
const FIRST_RESUBSCRIBE = 2_500;
const isTerminal = (code: number) =>
  code === 1009 || (code >= 3_500 && code < 4_000) || code >= 4_500;
const isTemporary = ({ code, temporary }: { code: number; temporary?: boolean }) =>
  code <= 100 || temporary === true;

/**
 * Behaves as the stock client does where it matters here: recovers by position, answers pings and
 * misses them, comes back later and later. It is small, so that thousands fit into a process.
 */
export class RawClient {
  readonly #options: RawClientOptions;
  readonly #random: () => number;
  readonly #positions = new Map<string, { epoch: string; offset: number }>();
  /** Channels that the server has put it into. */
  readonly #serverSide = new Set<string>();
  readonly #asked = new Map<number, string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #tries = new Map<string, number>();
  #urls: readonly string[];
  #turn: number;
  #socket: RawSocket | null = null;
  #pingMs = 0;
  #lastId = CONNECT_ID;
  #isStopped = true;
  #isConnected = false;

  constructor(options: RawClientOptions, turn = 0) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#urls = options.urls;
    this.#turn = turn;
  }

  /** Where it connects from the next time on. */
  set urls(urls: readonly string[]) {
    this.#urls = urls;
  }

  connect(): void {
    this.#isStopped = false;
    const url = this.#urls[this.#turn % this.#urls.length] ?? '';
    this.#turn += 1;
    const socket = new RawSocket(url, { onText: (text) => this.#read(text) });
    this.#socket = socket;
    this.#after('timeout', TIMEOUT_MS, () => this.#giveUp(socket, 'late'));
    void socket.upgrade(this.#options.headers).then(() => this.#answered(socket));
    void socket.closed().then((code) => this.#closed(socket, code));
  }

  /** Leaves in order, for good. */
  disconnect(): void {
    this.#isStopped = true;
    this.#isConnected = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#socket?.tcp.end();
    this.#socket?.tcp.destroySoon();
  }

  /** Cuts its own connection, as a lost network does. */
  cut(): void {
    if (this.#socket) reset(this.#socket.tcp);
  }

  /** Reads no more; what comes piles up. */
  pause(): void {
    this.#socket?.tcp.pause();
  }

  resume(): void {
    this.#socket?.tcp.resume();
  }

  #answered(socket: RawSocket): void {
    if (socket.status === 101) return this.#say(this.#greeting());
    if (socket.status !== null) this.#options.listener.outcome(`status ${socket.status}`);
    socket.tcp.destroy();
  }

  #greeting(): object[] {
    const subs = Object.fromEntries(
      [...this.#serverSide].map((channel) => [channel, this.#recoverFrom(channel)]),
    );
    this.#asked.clear();
    this.#lastId = CONNECT_ID;
    const connect = { token: this.#options.token, subs };
    const rooms = this.#options.rooms.map((room) => this.#subscribeCommand(room));
    return [{ id: CONNECT_ID, connect }, ...rooms];
  }

  #subscribeCommand(channel: string): object {
    this.#lastId += 1;
    this.#asked.set(this.#lastId, channel);
    return { id: this.#lastId, subscribe: { channel, ...this.#recoverFrom(channel) } };
  }

  #recoverFrom(channel: string): object {
    const position = this.#positions.get(channel);
    return position ? { recover: true, ...position } : {};
  }

  #say(lines: readonly object[]): void {
    this.#socket?.write(frameOf(lines.map((line) => JSON.stringify(line)).join('\n')));
  }

  #read(text: string): void {
    this.#options.listener.frame(text);
    if (this.#pingMs > 0) this.#waitForPing();
    for (const line of text.split('\n')) {
      if (line === '{}') this.#socket?.write(frameOf('{}'));
      else this.#take(JSON.parse(line) as Line);
    }
  }

  #take({ id, error, connect, subscribe, push }: Line): void {
    if (id !== undefined && error) return this.#refused(id, error);
    if (connect) return this.#connected(connect);
    const channel = id === undefined ? push?.channel : this.#asked.get(id);
    if (channel === undefined) return;
    if (subscribe) return this.#subscribed(channel, subscribe);
    if (push?.pub) return this.#publication(channel, push.pub);
    if (push?.subscribe) return this.#joined(channel, push.subscribe);
    if (push?.unsubscribe) this.#unsubscribed(channel, push.unsubscribe.code);
  }

  #connected({ ping = 0, subs = {} }: NonNullable<Line['connect']>): void {
    this.#stopTimer('timeout');
    this.#tries.delete('connect');
    this.#isConnected = true;
    this.#pingMs = ping * 1_000;
    this.#options.listener.connected();
    for (const [channel, told] of Object.entries(subs)) this.#joined(channel, told);
    for (const channel of this.#serverSide) {
      if (!Object.hasOwn(subs, channel)) this.#gone(channel);
    }
  }

  #joined(channel: string, told: Subscribed): void {
    this.#serverSide.add(channel);
    this.#subscribed(channel, told);
  }

  #subscribed(channel: string, told: Subscribed): void {
    const {
      epoch = '',
      offset = 0,
      recovered = false,
      was_recovering: wasRecovering = false,
    } = told;
    this.#tries.delete(channel);
    const position = told.recoverable || told.positioned ? { epoch, offset } : null;
    if (position) this.#positions.set(channel, { ...position });
    else this.#positions.delete(channel);
    this.#options.listener.subscribed(channel, { position, recovered, wasRecovering });
    for (const publication of told.publications ?? []) this.#publication(channel, publication);
  }

  #publication(channel: string, { data, offset = 0 }: Publication): void {
    const position = this.#positions.get(channel);
    if (position && offset > 0) position.offset = offset;
    this.#options.listener.publication(channel, data, offset);
  }

  #unsubscribed(channel: string, code: number): void {
    this.#options.listener.outcome(`unsubscribed ${code}`);
    if (code < FIRST_RESUBSCRIBE || this.#serverSide.has(channel)) return this.#gone(channel);
    this.#options.listener.left(channel);
    this.#subscribeAgain(channel);
  }

  #gone(channel: string): void {
    this.#serverSide.delete(channel);
    this.#positions.delete(channel);
    this.#options.listener.ended(channel);
  }

  #refused(id: number, error: NonNullable<Line['error']>): void {
    const channel = this.#asked.get(id);
    this.#options.listener.outcome(`error ${error.code}`);
    if (channel === undefined) this.#socket?.tcp.destroy();
    else if (isTemporary(error)) this.#subscribeAgain(channel);
  }

  #subscribeAgain(channel: string): void {
    const delayMs = this.#nextDelay(channel);
    this.#after(`subscribe ${channel}`, delayMs, () => {
      if (this.#isConnected) this.#say([this.#subscribeCommand(channel)]);
    });
  }

  #waitForPing(): void {
    const socket = this.#socket;
    this.#after('ping', this.#pingMs + PING_DELAY_MS, () => this.#giveUp(socket, 'no ping'));
  }

  #giveUp(socket: RawSocket | null, how: string): void {
    this.#options.listener.outcome(how);
    socket?.tcp.destroy();
  }

  #closed(socket: RawSocket, code: number | null): void {
    if (this.#isStopped || socket !== this.#socket) return;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    const how = code === null ? 'cut' : `closed ${code}`;
    if (this.#isConnected) this.#options.listener.lost(how);
    this.#isConnected = false;
    if (code !== null && isTerminal(code))
      return this.#options.listener.outcome(`given up ${code}`);
    this.#after('connect', this.#nextDelay('connect'), () => this.connect());
  }

  #nextDelay(what: string): number {
    const tries = this.#tries.get(what) ?? 0;
    this.#tries.set(what, tries + 1);
    const spread = Math.min(MAX_DELAY_MS, MIN_DELAY_MS * 2 ** tries) * this.#random();
    return Math.min(MAX_DELAY_MS, MIN_DELAY_MS + spread);
  }

  #after(what: string, delayMs: number, task: () => void): void {
    this.#stopTimer(what);
    this.#timers.set(what, setTimeout(task, delayMs));
  }

  #stopTimer(what: string): void {
    clearTimeout(this.#timers.get(what));
    this.#timers.delete(what);
  }
}
