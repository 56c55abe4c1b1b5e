/** The server that the sockets lead to, as much of it as they need. */
export interface SocketHost {
  /** May it open? */
  onOpen(socket: TestSocket): boolean;
  onClose(socket: Socket): void;
  onFrame(socket: Socket, frame: string): void;
}

/** A connection to a test server. */
export interface Socket {
  readonly clientId: string;
  /** Its commands come by another way, with this. */
  readonly session?: string;
  deliver(reply: object): void;
  shut(code: number, reason: string): void;
}

/** The browser's end of a WebSocket to a test server. */
export class TestSocket implements Socket {
  readonly clientId: string = `client-${Math.random()}`;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly #server: SocketHost;
  #isOver = false;

  constructor(server: SocketHost) {
    this.#server = server;
    queueMicrotask(() => {
      if (this.#isOver) return;
      if (server.onOpen(this)) this.onopen?.();
      else this.shut(1006, '');
    });
  }

  addEventListener(name: 'open' | 'close', listener: () => void): void {
    this[`on${name}`] = listener;
  }

  send(frame: string): void {
    if (!this.#isOver) queueMicrotask(() => this.#server.onFrame(this, frame));
  }

  close(): void {
    this.#isOver = true;
    this.#server.onClose(this);
  }

  deliver(reply: object): void {
    const data = JSON.stringify(reply);
    queueMicrotask(() => {
      if (!this.#isOver) this.onmessage?.({ data });
    });
  }

  shut(code: number, reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.onclose?.({ code, reason });
  }
}

/** A response that does not end. */
export class TestStream implements Socket {
  readonly clientId: string = `client-${Math.random()}`;
  readonly session: string = `session-${Math.random()}`;
  readonly body: ReadableStream<Uint8Array>;
  readonly #server: SocketHost;
  readonly #encoder = new TextEncoder();
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isOver = false;

  constructor(server: SocketHost, signal: AbortSignal | null | undefined) {
    this.#server = server;
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    signal?.addEventListener('abort', () => this.#end());
  }

  deliver(reply: object): void {
    const line = this.#encoder.encode(`${JSON.stringify(reply)}\n`);
    queueMicrotask(() => {
      if (!this.#isOver) this.#controller.enqueue(line);
    });
  }

  shut(code: number, reason: string): void {
    if (this.#isOver) return;
    const line = `${JSON.stringify({ push: { disconnect: { code, reason } } })}\n`;
    if (code >= 3000) this.#controller.enqueue(this.#encoder.encode(line));
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#server.onClose(this);
    this.#controller.close();
  }
}
