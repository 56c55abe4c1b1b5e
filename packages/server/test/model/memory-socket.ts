import type { Disconnect } from '@trunkline/server';
import type { SessionInit } from '@trunkline/server/testing';

type Transport = SessionInit['transport'];

/** The server's end of a connection, as much of it as a network needs. */
interface ServerEnd {
  receive(frame: string): void;
  closed(): void;
}

/** One connection of a client. */
export interface Visit {
  /** Where it came to. */
  readonly url: string;
  /** Its number: no two have the same. */
  readonly number: number;
}

/** What lies around a network. */
export interface MemoryNetworkOptions {
  /** A client has come: the server's end for it, or `null` to turn it away. */
  accept(visit: Visit, transport: Transport): ServerEnd | null;
  /** Sees each frame that the server writes, also those that will never arrive; gives what is sent. */
  onFrame(visit: Visit, frame: string): string;
  /** Milliseconds that the next thing on its way takes, in whole numbers. */
  readonly latencyMs: () => number;
}

/**
 * Connections without sockets, as unkind as a real network: what is sent arrives later and in
 * order, and what is under way when a connection is cut is lost in both directions. Clients are
 * told apart by the URL that they come to.
 */
export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #links = new Set<Link>();
  #visits = 0;

  constructor(options: MemoryNetworkOptions) {
    this.#options = options;
  }

  connect(url: string, client: ClientEnd): ClientLink {
    const visit: Visit = { url, number: (this.#visits += 1) };
    const link = new Link(visit, client, this.#options, () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }

  /** Breaks the connections of a client, or all: both ends are told. */
  cut(url?: string): void {
    for (const link of this.#linksOf(url)) link.cut();
  }

  /** Carries nothing more in the connections of a client, and tells neither end. */
  darken(url: string): void {
    for (const link of this.#linksOf(url)) link.darken();
  }

  /** Holds up for a while what goes to a client: it is a slow reader. */
  stall(url: string, ms: number): void {
    for (const link of this.#linksOf(url)) link.stall(ms);
  }

  /** Is nothing under way, and no connection dead without anybody's knowing? */
  get isIdle(): boolean {
    return [...this.#links].every((link) => link.isIdle);
  }

  #linksOf(url: string | undefined): Link[] {
    return [...this.#links].filter((link) => url === undefined || link.visit.url === url);
  }
}

/** The client's end of a connection. */
interface ClientEnd {
  opened(): void;
  receive(frame: string): void;
  closed(code: number, reason: string): void;
}

/** What a client's end can do with its connection. */
interface ClientLink {
  send(frame: string): void;
  close(): void;
}

/** A WebSocket constructor for a stock client, whose connections run over this network. */
export function createMemorySocket(network: MemoryNetwork) {
  return class MemorySocket {
    onopen: (() => void) | null = null;
    onmessage: ((event: { data: string }) => void) | null = null;
    onclose: ((event: { code: number; reason: string }) => void) | null = null;
    onerror: ((event: unknown) => void) | null = null;
    readonly #link: ClientLink;

    constructor(url: string) {
      this.#link = network.connect(url, {
        opened: () => this.onopen?.(),
        receive: (data) => this.onmessage?.({ data }),
        closed: (code, reason) => this.onclose?.({ code, reason }),
      });
    }

    send(frame: string): void {
      this.#link.send(frame);
    }

    close(): void {
      this.#link.close();
    }
  };
}

/** What an end is told that has lost its connection without a word. */
const LOST = 1006;

/** One connection: two pipes, and who has heard of its end. */
class Link implements ClientLink {
  readonly visit: Visit;
  readonly #client: ClientEnd;
  readonly #options: MemoryNetworkOptions;
  readonly #onEnd: () => void;
  readonly #up: Pipe;
  readonly #down: Pipe;
  #isDark = false;
  #server: ServerEnd | null = null;
  #isClientDone = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(visit: Visit, client: ClientEnd, options: MemoryNetworkOptions, onEnd: () => void) {
    this.visit = visit;
    this.#client = client;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#up = new Pipe(options.latencyMs);
    this.#down = new Pipe(options.latencyMs);
    this.#up.carry(0, () => this.#accept());
  }

  get isIdle(): boolean {
    return !this.#isDark && this.#up.isIdle && this.#down.isIdle;
  }

  send(frame: string): void {
    this.#up.carry(frame.length, () => this.#server?.receive(frame));
  }

  close(): void {
    this.#isClientDone = true;
    this.#up.carry(0, () => this.#endServer());
  }

  cut(): void {
    this.#stop();
    this.#soon(() => this.#endServer());
    this.#soon(() => this.#endClient(LOST, ''));
  }

  darken(): void {
    this.#isDark = true;
    this.#stop();
  }

  stall(ms: number): void {
    this.#down.stall(ms);
  }

  #accept(): void {
    this.#server = this.#options.accept(this.visit, this.#transport());
    if (this.#server) this.#down.carry(0, () => this.#client.opened());
    else this.cut();
  }

  #transport(): Transport {
    const down = this.#down;
    return {
      get bufferedBytes() {
        return down.bytes;
      },
      send: (written, progress) => {
        const frame = this.#options.onFrame(this.visit, written.text);
        down.carry(frame.length, () => {
          this.#client.receive(frame);
          progress?.onWritten();
        });
      },
      close: (disconnect, graceMs) => this.#closeFromServer(disconnect, graceMs),
      terminate: () => this.cut(),
    };
  }

  #closeFromServer({ code, reason }: Disconnect, graceMs: number): void {
    if (!this.#server) return;
    this.#deadline = setTimeout(() => this.cut(), graceMs);
    this.#down.carry(0, () => {
      this.#up.carry(0, () => this.#endServer());
      this.#endClient(code, reason);
    });
  }

  #stop(): void {
    this.#up.cut();
    this.#down.cut();
  }

  #soon(tell: () => void): void {
    setTimeout(tell, this.#options.latencyMs());
  }

  #endServer(): void {
    clearTimeout(this.#deadline);
    this.#onEnd();
    const server = this.#server;
    this.#server = null;
    server?.closed();
    this.#stopWhenDone();
  }

  #endClient(code: number, reason: string): void {
    if (this.#isClientDone) return;
    this.#isClientDone = true;
    this.#client.closed(code, reason);
    this.#stopWhenDone();
  }

  // What is still under way is for nobody.
  #stopWhenDone(): void {
    if (!this.#server && this.#isClientDone) this.#stop();
  }
}

/** One direction of a connection: first in, first out, each after a delay. */
class Pipe {
  readonly #latencyMs: () => number;
  #items: { readonly dueAt: number; readonly bytes: number; readonly arrive: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stalledUntil = 0;
  #isCut = false;
  /** Bytes under way. */
  bytes = 0;

  constructor(latencyMs: () => number) {
    this.#latencyMs = latencyMs;
  }

  get isIdle(): boolean {
    return this.#items.length === 0;
  }

  carry(bytes: number, arrive: () => void): void {
    if (this.#isCut) return;
    this.#items.push({ dueAt: performance.now() + this.#latencyMs(), bytes, arrive });
    this.bytes += bytes;
    if (this.#items.length === 1) this.#wait();
  }

  stall(ms: number): void {
    this.#stalledUntil = performance.now() + ms;
  }

  cut(): void {
    this.#isCut = true;
    this.#items = [];
    this.bytes = 0;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const [next] = this.#items;
    if (!next) return;
    const dueAt = Math.max(next.dueAt, this.#stalledUntil);
    this.#timer = setTimeout(() => this.#arrive(), Math.max(0, dueAt - performance.now()));
  }

  // It stays first until it has arrived: what it causes to be sent waits behind it.
  #arrive(): void {
    const [item] = this.#items;
    if (!item) return;
    this.bytes -= item.bytes;
    item.arrive();
    this.#items.shift();
    this.#wait();
  }
}
