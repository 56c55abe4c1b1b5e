import { frameOf, RawSocket } from '../../packages/server/test/hostile-frames.ts';

/** Who connects, from where, and what it wants to hear. */
export interface StockClientOptions {
  readonly url: string;
  readonly token: string;
  readonly localAddress?: string;
  /** Of the upgrade, each with its line end. */
  readonly headers?: string;
  onPublication?(channel: string, data: unknown, client: StockClient): void;
  /** Whatever it was told: `101`, `503`, `closed 3001`, `cut`, `late`. */
  onOutcome?(outcome: string): void;
  onConnected?(client: StockClient, isRecovered: boolean): void;
}

interface Subscribed {
  readonly epoch?: string;
  readonly offset?: number;
  readonly recovered?: boolean;
  readonly was_recovering?: boolean;
  readonly publications?: readonly { readonly data: unknown; readonly offset?: number }[];
}

interface Line {
  readonly id?: number;
  readonly connect?: { readonly subs?: Readonly<Record<string, Subscribed>> };
  readonly push?: {
    readonly channel?: string;
    readonly pub?: { readonly data: unknown; readonly offset?: number };
  };
}

// As in centrifuge-js 5.8 (protocol, section 21).
const MIN_DELAY_MS = 500;
const MAX_DELAY_MS = 20_000;
const TIMEOUT_MS = 5_000;
const TERMINAL = (code: number) =>
  code === 1009 || (code >= 3_500 && code < 4_000) || code >= 4_500;

/**
 * Behaves as the stock client does where it matters here: connects, answers pings, recovers, comes
 * back after 500 ms and a random part, later and later. It is small, so that thousands fit.
 */
export class StockClient {
  isConnected = false;
  /** Where it connects the next time. */
  url: string;
  readonly #options: StockClientOptions;
  readonly #positions = new Map<string, { epoch: string; offset: number }>();
  #socket: RawSocket | null = null;
  #timer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #isStopped = false;

  constructor(options: StockClientOptions) {
    this.#options = options;
    this.url = options.url;
  }

  connect(): void {
    if (this.#isStopped) return;
    const { localAddress, headers, token } = this.#options;
    const socket = new RawSocket(this.url, {
      ...(localAddress === undefined ? {} : { localAddress }),
      onText: (text) => this.#read(text),
    });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#late(socket), TIMEOUT_MS);
    void socket.upgrade(headers).then(() => this.#answered(socket, token));
    void socket.closed().then((code) => this.#closed(code));
  }

  /** Cuts its own connection, as a lost network does. */
  cut(): void {
    this.isConnected = false;
    this.#options.onOutcome?.('cut');
    this.#socket?.tcp.destroy();
  }

  /** Reads no more; what comes piles up. */
  pause(): void {
    this.#socket?.tcp.pause();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#socket?.tcp.destroy();
  }

  #answered(socket: RawSocket, token: string): void {
    if (socket.status !== null) this.#options.onOutcome?.(String(socket.status));
    if (socket.status === 101) socket.write(this.#connectFrame(token));
    else socket.tcp.destroy();
  }

  #connectFrame(token: string): Buffer {
    const subs = Object.fromEntries(
      [...this.#positions].map(([channel, position]) => [channel, { recover: true, ...position }]),
    );
    return frameOf(JSON.stringify({ id: 1, connect: { token, subs } }));
  }

  #read(text: string): void {
    for (const line of text.split('\n')) {
      if (line === '{}') this.#socket?.write(frameOf('{}'));
      else this.#take(JSON.parse(line) as Line);
    }
  }

  #take({ connect, push }: Line): void {
    if (connect) this.#connected(connect.subs ?? {});
    if (push?.pub && push.channel !== undefined) this.#publication(push.channel, push.pub);
  }

  #connected(subs: Readonly<Record<string, Subscribed>>): void {
    clearTimeout(this.#timer);
    this.#attempts = 0;
    this.isConnected = true;
    let isRecovered = true;
    for (const [channel, { epoch = '', offset = 0, ...sub }] of Object.entries(subs)) {
      if (sub.was_recovering && !sub.recovered) isRecovered = false;
      this.#positions.set(channel, { epoch, offset });
    }
    this.#options.onConnected?.(this, isRecovered);
    for (const [channel, { publications = [] }] of Object.entries(subs)) {
      for (const publication of publications) this.#publication(channel, publication);
    }
  }

  #publication(channel: string, { data, offset }: { data: unknown; offset?: number }): void {
    const position = this.#positions.get(channel);
    if (position && offset) position.offset = offset;
    this.#options.onPublication?.(channel, data, this);
  }

  #late(socket: RawSocket): void {
    this.#options.onOutcome?.('late');
    socket.tcp.destroy();
  }

  #closed(code: number | null): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    if (this.isConnected) this.#options.onOutcome?.(code === null ? 'cut' : `closed ${code}`);
    this.isConnected = false;
    if (code !== null && TERMINAL(code)) {
      this.#options.onOutcome?.(`given up ${code}`);
      return;
    }
    const spread = Math.min(MAX_DELAY_MS, MIN_DELAY_MS * 2 ** this.#attempts) * Math.random();
    this.#attempts += 1;
    const delayMs = Math.min(MAX_DELAY_MS, MIN_DELAY_MS + spread);
    this.#timer = setTimeout(() => this.connect(), delayMs);
  }
}
