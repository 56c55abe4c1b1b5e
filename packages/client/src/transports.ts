import { fallbackPaths } from '@trunkline/contract';
import { type Settings, webSocketUrl } from './settings.ts';

/** How a page is connected: by WebSocket, or by plain HTTP where none opens. */
export type TransportName = 'websocket' | 'http_stream' | 'sse';

/** A way to the server. */
export interface Transport {
  readonly transport: TransportName;
  readonly endpoint: string;
}

/** The ways to a server, the best first, and where commands are posted if the WebSocket is not taken. */
export interface Transports {
  readonly all: readonly [Transport, ...Transport[]];
  readonly emulation: string;
}

/** The ways that settings leave open, as far as this browser knows them. */
export function transportsOf({ url, httpFallback = {}, getToken }: SettingsWithUrl): Transports {
  const endpoint = webSocketUrl(url);
  const webSocket: Transport = { transport: 'websocket', endpoint };
  if (httpFallback === false) return { all: [webSocket], emulation: '' };
  const beside = fallbackPaths(new URL(endpoint).pathname);
  // An EventSource has what it says in its URL, which proxies write down: no place for a token.
  const { sse = getToken ? false : undefined } = httpFallback;
  const streams: Transport[] = [];
  if (typeof fetch === 'function' && typeof ReadableStream === 'function') {
    const streamUrl = httpUrl(endpoint, beside.httpStream, httpFallback.httpStream);
    streams.push({ transport: 'http_stream', endpoint: streamUrl });
  }
  if (typeof EventSource === 'function' && sse !== false) {
    streams.push({ transport: 'sse', endpoint: httpUrl(endpoint, beside.sse, sse) });
  }
  const emulation = new URL(httpUrl(endpoint, beside.emulation, httpFallback.emulation));
  if (httpFallback.emulation === undefined) emulation.search = '';
  return { all: [webSocket, ...streams], emulation: emulation.href };
}

type SettingsWithUrl = Pick<Settings, 'httpFallback' | 'getToken'> & { readonly url: string };

/** What is given belongs to the page; without it, it lies beside the WebSocket. */
function httpUrl(webSocket: string, path: string, given: string | undefined): string {
  if (given !== undefined) return new URL(given, globalThis.location?.href).href;
  const url = new URL(webSocket);
  url.protocol = url.protocol.replace(/^ws/, 'http');
  url.pathname = path;
  return url.href;
}

/** So often a way may fail that has worked before: it is rather the network that is away. */
const PATIENCE = 3;

/**
 * Which way the next attempt takes: in rounds, the best first, the others right behind it, so that none
 * of them works only because the network has just come back. centrifuge has a rule of its own, and
 * sticks for ever to the first that opens, although the page may have come to another network.
 */
export class TransportChoice {
  /** What centrifuge is given: it may pick any of these, they are all the same. */
  readonly slots: { transport: TransportName; endpoint: string }[];
  readonly #all: readonly Transport[];
  #index = 0;
  /** The one that worked last, as long as there is patience with it. */
  #working = -1;
  #failures = 0;
  #isInRound = false;

  constructor(all: readonly [Transport, ...Transport[]]) {
    this.#all = all;
    this.slots = all.map(() => ({ ...all[0] }));
  }

  /** There is a connection. */
  worked(): void {
    this.#working = this.#index;
    this.#failures = 0;
  }

  /** There was no answer this way. */
  failed(): void {
    this.#failures += 1;
    const isWorking = this.#index === this.#working;
    if (isWorking && this.#failures < PATIENCE) return;
    this.#working = -1;
    const isNewRound = isWorking && this.#index > 0;
    this.#take(isNewRound ? 0 : (this.#index + 1) % this.#all.length);
  }

  /** The best way is open again. */
  startOver(): void {
    this.#take(0);
  }

  /** Is the next attempt due at once? Said once. */
  takeTurn(): boolean {
    const isInRound = this.#isInRound;
    this.#isInRound = false;
    return isInRound;
  }

  #take(index: number): void {
    this.#index = index;
    this.#failures = 0;
    this.#isInRound = index > 0;
    for (const slot of this.slots) Object.assign(slot, this.#all[index]);
  }
}
