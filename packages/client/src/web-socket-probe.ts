const FIRST_MS = 30_000;
const LAST_MS = 600_000;

/**
 * Looks from time to time, ever less often, whether a WebSocket opens by now: for a page that is
 * connected by other means, whatever has kept it from the best.
 */
export class WebSocketProbe {
  readonly #url: string;
  readonly #onOpen: () => void;
  #delayMs = FIRST_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #socket: WebSocket | null = null;

  constructor(url: string, onOpen: () => void) {
    this.#url = url;
    this.#onOpen = onOpen;
  }

  /** Looks later, at a moment that other pages do not choose too. */
  start(): void {
    this.stop();
    const delayMs = this.#delayMs * (0.5 + Math.random());
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_MS);
    this.#timer = setTimeout(() => this.#look(), delayMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** A WebSocket has opened: the next search begins anew. */
  found(): void {
    this.stop();
    this.#delayMs = FIRST_MS;
  }

  #look(): void {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      if (this.#socket !== socket) return;
      this.stop();
      this.#onOpen();
    });
    socket.addEventListener('close', () => {
      if (this.#socket === socket) this.start();
    });
  }
}
