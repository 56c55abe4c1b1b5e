import { Centrifuge, type SubscribedContext } from '../../packages/server/test/stock-clients.ts';
import type { RawClientOptions } from './raw-client.ts';

/** The stock `centrifuge` client, with everything that it is told put down. */
export class StockClient {
  readonly #client: Centrifuge;
  readonly #options: RawClientOptions;
  #urls: readonly string[];
  #turn: number;
  #wasConnected = false;

  constructor(options: RawClientOptions, turn = 0) {
    this.#options = options;
    this.#urls = options.urls;
    this.#turn = turn;
    // It asks for the data again before each attempt: that is when it is told where to go.
    this.#client = new Centrifuge([{ transport: 'websocket', endpoint: this.#nextUrl() }], {
      token: options.token,
      websocket: this.#websocket(),
    });
    this.#listen();
    for (const room of options.rooms) this.#subscribe(room);
  }

  set urls(urls: readonly string[]) {
    this.#urls = urls;
  }

  connect(): void {
    this.#client.connect();
  }

  disconnect(): void {
    this.#client.disconnect();
  }

  /** Its network is cut from elsewhere: by the proxy. */
  cut(): void {
    throw new Error('A stock client does not cut itself: reset its connection in a proxy');
  }

  pause(): void {
    throw new Error('A stock client always reads: stop its process instead');
  }

  resume(): void {
    this.pause();
  }

  #nextUrl(): string {
    const url = this.#urls[this.#turn % this.#urls.length] ?? '';
    this.#turn += 1;
    return url;
  }

  /** A WebSocket that goes, each time, where it is our turn to go. */
  #websocket(): typeof WebSocket {
    const nextUrl = () => this.#nextUrl();
    const { listener } = this.#options;
    return class extends WebSocket {
      constructor(_url: string | URL, protocols?: string | string[]) {
        super(nextUrl(), protocols);
        this.addEventListener('message', ({ data }) => listener.frame(String(data)));
      }
    };
  }

  #listen(): void {
    const { listener } = this.#options;
    const client = this.#client;
    client.on('connected', () => {
      this.#wasConnected = true;
      listener.connected();
    });
    client.on('connecting', ({ code, reason }) => this.#lost(`${reason} ${code}`));
    client.on('disconnected', ({ code, reason }) => {
      if (code === 0) return; // it has left by itself
      this.#lost(`${reason} ${code}`);
      listener.outcome(`given up ${code}`);
    });
    client.on('error', ({ error }) => listener.outcome(`error ${error.code}`));
    client.on('subscribed', (context) => tell(listener, context));
    client.on('unsubscribed', ({ channel }) => listener.ended(channel));
    client.on('publication', ({ channel, data, offset = 0 }) =>
      listener.publication(channel, data, offset),
    );
  }

  #subscribe(room: string): void {
    const { listener } = this.#options;
    const subscription = this.#client.newSubscription(room);
    subscription.on('subscribed', (context) => tell(listener, context));
    subscription.on('publication', ({ data, offset = 0 }) =>
      listener.publication(room, data, offset),
    );
    subscription.on('subscribing', () => listener.left(room));
    subscription.on('unsubscribed', () => listener.ended(room));
    subscription.on('error', ({ error }) => listener.outcome(`error ${error.code}`));
    subscription.subscribe();
  }

  #lost(how: string): void {
    if (this.#wasConnected) this.#options.listener.lost(how);
    this.#wasConnected = false;
  }
}

function tell(
  listener: RawClientOptions['listener'],
  { channel, streamPosition, wasRecovering, recovered }: SubscribedContext,
): void {
  const position = streamPosition ?? null;
  listener.subscribed(channel, { position, wasRecovering, recovered });
}
