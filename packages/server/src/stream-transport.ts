import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Disconnect } from './errors.ts';
import { Batch } from './protocol/batch.ts';
import { disconnectPush } from './protocol/reply.ts';
import type { SendProgress, Transport } from './transport.ts';
import { writeWatched } from './watched-write.ts';

/** How lines look in a response that does not end. */
export interface StreamForm {
  readonly contentType: string;
  /** What shows at once that the response has begun. */
  readonly opening: string;
  bytesOf(batch: Batch): Buffer;
}

/** `http_stream` (protocol, section 2.2). */
export const LINES: StreamForm = {
  contentType: 'application/json',
  opening: '',
  bytesOf: (batch) => batch.stream,
};

/** Server-sent events (protocol, section 2.3). */
export const EVENTS: StreamForm = {
  contentType: 'text/event-stream; charset=utf-8',
  opening: '\r\n',
  bytesOf: (batch) => batch.events,
};

/** What a stream is made from. */
export interface StreamInit {
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly form: StreamForm;
  readonly sessionKey: string;
  /** From here on it takes no commands. */
  readonly onEnd: () => void;
}

// Nothing between here and the client may keep, gather or compress what comes.
const HEADERS = {
  'Cache-Control': 'private, no-cache, no-store, no-transform, must-revalidate, max-age=0',
  Pragma: 'no-cache',
  Expires: '0',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
  Connection: 'close',
};

/** A session's transport over a response that does not end; the client's commands come otherwise. */
export class StreamTransport implements Transport {
  readonly sessionKey: string;
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  readonly #form: StreamForm;
  readonly #onEnd: () => void;
  #isEnded = false;

  constructor({ response, socket, form, sessionKey, onEnd }: StreamInit) {
    this.sessionKey = sessionKey;
    this.#response = response;
    this.#socket = socket;
    this.#form = form;
    this.#onEnd = onEnd;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  /** Begins the response: from here on no status can be said any more. */
  open(): void {
    if (this.#response.headersSent) return;
    this.#socket.setNoDelay(true);
    this.#socket.setTimeout(0); // the app's may be shorter than the time between two pings
    this.#response.writeHead(200, { ...HEADERS, 'Content-Type': this.#form.contentType });
    if (this.#form.opening === '') this.#response.flushHeaders();
    else this.#write(this.#form.opening);
  }

  send(batch: Batch, progress?: SendProgress): void {
    if (this.#isEnded) return;
    const bytes = this.#form.bytesOf(batch);
    if (!progress) return this.#write(bytes);
    const socket = { tcp: this.#socket, isOpen: () => !this.#isEnded };
    writeWatched(socket, progress, (onWritten) => this.#write(bytes, onWritten));
  }

  close(disconnect: Disconnect, graceMs: number): void {
    if (this.#isEnded) return;
    this.open();
    this.#end();
    const deadline = setTimeout(() => this.#socket.destroy(), graceMs);
    this.#response.once('close', () => clearTimeout(deadline));
    this.#write(this.#form.bytesOf(Batch.of(disconnectPush(disconnect))));
    this.#response.end();
  }

  terminate(): void {
    this.#end();
    this.#socket.destroy();
  }

  #end(): void {
    this.#isEnded = true;
    this.#onEnd();
  }

  // Node would hold a chunk back until the end of the turn: handed over now, it counts as what it is.
  #write(bytes: Buffer | string, onWritten?: () => void): void {
    this.#socket.cork();
    this.#response.write(bytes, onWritten);
    this.#socket.uncork();
  }
}
