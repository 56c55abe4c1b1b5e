import { setTimeout as sleep } from 'node:timers/promises';
import { frameOf, RawSocket } from '../../packages/server/test/hostile-frames.ts';
import type { ClientListener } from './recorder.ts';

/** Who races, and where. */
export interface RacerOptions {
  readonly urls: readonly string[];
  readonly token: string;
  /** It is in one of them at a time. */
  readonly rooms: readonly string[];
  /** Milliseconds that it stays in one, and away from it, at most. */
  readonly stayMs: number;
  readonly listener: ClientListener & { left(wireName: string): void };
  readonly random: () => number;
}

/** What a racer has done. */
export interface Races {
  /** Subscribes to a room that it was never in. */
  fresh: number;
  /** Subscribes from where it stood. */
  recovering: number;
  /** Of these: with something in the reply. */
  brought: number;
  /** Pushes that came within some milliseconds of a reply. */
  close: number;
  /** What was not recovered, and not subscribed to. */
  refused: number;
}

interface Subscribed {
  readonly epoch?: string;
  readonly offset?: number;
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
  readonly error?: { readonly code: number };
  readonly connect?: { readonly subs?: Readonly<Record<string, Subscribed>> };
  readonly subscribe?: Subscribed;
  readonly push?: {
    readonly channel?: string;
    readonly pub?: Publication;
    readonly unsubscribe?: { readonly code: number };
  };
}

/** One connection in so many is cut instead of a room being left. */
const CUT_EVERY = 10;
const CLOSE_MS = 20;
const RETRY_MS = 50;
const EVERYTHING = '';

/** Enters and leaves rooms as fast as it can, and recovers what it missed: each time a race with publications. */
export class Racer {
  readonly races: Races = { fresh: 0, recovering: 0, brought: 0, close: 0, refused: 0 };
  readonly #options: RacerOptions;
  readonly #positions = new Map<string, { epoch: string; offset: number }>();
  /** Channels that it was told that it is in. */
  readonly #isIn = new Set<string>();
  readonly #asked = new Map<number, { wire: string; answered: (isIn: boolean) => void }>();
  #socket: RawSocket | null = null;
  #room: string | null = null;
  #answeredAt = 0;
  #turn: number;
  #lastId = 0;

  constructor(options: RacerOptions, turn: number) {
    this.#options = options;
    this.#turn = turn;
  }

  /** Races so often; in the end it is in a room, and stays there. */
  async race(times: number): Promise<void> {
    const { random, rooms, stayMs } = this.#options;
    await this.#connect();
    for (let n = 0; n < times; n += 1) {
      const room = rooms[Math.floor(random() * rooms.length)] ?? '';
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await this.#enter(room);
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(random() * stayMs);
      // oxlint-disable-next-line no-await-in-loop -- see above
      if (n < times - 1) await this.#goAway();
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(random() * stayMs);
    }
  }

  leave(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.tcp.end();
    socket?.tcp.destroySoon();
  }

  async #goAway(): Promise<void> {
    if (this.#options.random() * CUT_EVERY >= 1) return this.#leaveRoom();
    this.#socket?.tcp.resetAndDestroy();
    this.#room = null;
    this.#options.listener.lost('cut by itself');
    await this.#connect();
  }

  #leaveRoom(): void {
    const room = this.#room;
    if (room === null) return;
    this.#room = null;
    this.#isIn.delete(room);
    this.#options.listener.left(room);
    this.#say({ unsubscribe: { channel: room } });
  }

  /** Until it is in: what is refused for now is asked for again. */
  async #enter(room: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const position = this.#positions.get(room);
    if (position) this.races.recovering += 1;
    else this.races.fresh += 1;
    this.#room = room;
    const recover = position ? { recover: true, ...position } : {};
    this.#ask(room, { subscribe: { channel: room, ...recover } }, resolve);
    if (await promise) return;
    this.races.refused += 1;
    await sleep(RETRY_MS);
    if (this.#socket === null) await this.#connect();
    await this.#enter(room);
  }

  async #connect(): Promise<void> {
    const { urls, token } = this.#options;
    const url = urls[this.#turn % urls.length] ?? '';
    this.#turn += 1;
    const socket = new RawSocket(url, { onText: (text) => this.#read(socket, text) });
    this.#socket = socket;
    this.#isIn.clear();
    void socket.closed().then((code) => this.#closed(socket, code));
    await socket.upgrade();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const subs = Object.fromEntries(
      ['@user', '@all'].flatMap((wire) => {
        const position = this.#positions.get(wire);
        return position ? [[wire, { recover: true, ...position }]] : [];
      }),
    );
    this.#ask(EVERYTHING, { connect: { token, subs } }, resolve);
    if (await promise) return;
    await sleep(RETRY_MS);
    await this.#connect();
  }

  #ask(wire: string, command: object, answered: (isIn: boolean) => void): void {
    this.#say(command);
    this.#asked.set(this.#lastId, { wire, answered });
    if (!this.#socket || this.#socket.tcp.destroyed) this.#forget();
  }

  #say(command: object): void {
    this.#lastId += 1;
    this.#socket?.write(frameOf(JSON.stringify({ id: this.#lastId, ...command })));
  }

  #closed(socket: RawSocket, code: number | null): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#room = null;
    this.#options.listener.lost(code === null ? 'cut' : `closed ${code}`);
    this.#forget();
  }

  #forget(): void {
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { answered } of asked) answered(false);
  }

  #read(socket: RawSocket, text: string): void {
    this.#options.listener.frame(text);
    if (socket !== this.#socket) return;
    for (const line of text.split('\n')) {
      if (line === '{}') socket.write(frameOf('{}'));
      else this.#take(JSON.parse(line) as Line);
    }
  }

  #take({ id = 0, error, connect, subscribe, push }: Line): void {
    const asked = this.#asked.get(id);
    if (asked) this.#asked.delete(id);
    if (error) this.#options.listener.outcome(`error ${error.code}`);
    if (connect) this.#options.listener.connected();
    for (const [wire, told] of Object.entries(connect?.subs ?? {})) this.#subscribed(wire, told);
    if (subscribe && asked) this.#subscribed(asked.wire, subscribe);
    asked?.answered(!error);
    if (push?.unsubscribe) this.#sentAway(push.channel ?? '', push.unsubscribe.code);
    if (push?.pub) this.#pushed(push.channel ?? '', push.pub);
  }

  /** What is still on its way from a room that it has left is nothing to it, as to the stock client. */
  #pushed(wire: string, publication: Publication): void {
    if (!this.#isIn.has(wire)) return;
    if (performance.now() - this.#answeredAt < CLOSE_MS) this.races.close += 1;
    this.#publication(wire, publication);
  }

  #subscribed(wire: string, told: Subscribed): void {
    const { epoch = '', offset = 0, recovered = false, publications = [] } = told;
    const position = { epoch, offset };
    this.#answeredAt = performance.now();
    this.#isIn.add(wire);
    this.#positions.set(wire, { ...position });
    const wasRecovering = told.was_recovering ?? false;
    this.#options.listener.subscribed(wire, { position, recovered, wasRecovering });
    if (publications.length > 0) this.races.brought += 1;
    for (const publication of publications) this.#publication(wire, publication);
  }

  #publication(wire: string, { data, offset = 0 }: Publication): void {
    const position = this.#positions.get(wire);
    if (position && offset > 0) position.offset = offset;
    this.#options.listener.publication(wire, data, offset);
  }

  /** It has to ask again; whoever is in the last room goes on from there. */
  #sentAway(wire: string, code: number): void {
    this.#isIn.delete(wire);
    this.#options.listener.outcome(`unsubscribed ${code}`);
    this.#options.listener.left(wire);
    if (this.#room === wire) void this.#enter(wire);
  }
}
