import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { Deadline } from './deadline.ts';
import type { Disconnect } from './errors.ts';

/** A polite close waits this long for the peer's. */
export const CLOSE_GRACE_MS = 5_000;

/** What a sender that is behind wants to hear of its frame. */
export interface SendProgress {
  /** The network has taken it, and all before it. */
  readonly onWritten: () => void;
  /** Nothing has moved for that many milliseconds. */
  readonly onStall: () => void;
  readonly stallMs: number;
}

/** The way out to one client, as much of it as a session needs. */
export interface Transport {
  /** Bytes handed over and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Sends one frame: one or more lines. */
  send(frame: string, progress?: SendProgress): void;
  /** Says why and closes; destroys the socket when the peer does not answer in time. */
  close(disconnect: Disconnect, graceMs: number): void;
  /** Destroys the socket at once. */
  terminate(): void;
}

/** A session's transport over a WebSocket. */
export class WebSocketTransport implements Transport {
  readonly #socket: WebSocket;
  /** What the WebSocket runs on: it knows whether bytes still leave. */
  readonly #tcp: Socket;

  constructor(socket: WebSocket, tcp: Socket) {
    this.#socket = socket;
    this.#tcp = tcp;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: string, progress?: SendProgress): void {
    if (!progress) {
      this.#socket.send(frame);
      return;
    }
    const watch = new Deadline();
    this.#socket.send(frame, () => {
      watch.clear();
      progress.onWritten();
    });
    if (this.#pendingBytes > 0) this.#watch(watch, progress, this.#pendingBytes);
  }

  close({ code, reason }: Disconnect, graceMs: number): void {
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    const deadline = setTimeout(() => this.#socket.terminate(), graceMs);
    this.#socket.once('close', () => clearTimeout(deadline));
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  // A timeout of the socket would do, but what comes in counts for it too: a peer that does not read
  // could talk it away.
  #watch(watch: Deadline, progress: SendProgress, pendingBytes: number): void {
    watch.set(progress.stallMs, () => {
      const left = this.#pendingBytes;
      if (this.#socket.readyState !== this.#socket.OPEN) return;
      if (left < pendingBytes) this.#watch(watch, progress, left);
      else progress.onStall();
    });
  }

  /** What the kernel has not taken. One large write counts as whole in the stream, not in its handle. */
  get #pendingBytes(): number {
    const { _handle: handle, writableLength } = this.#tcp as Socket & Handled;
    return handle?.writeQueueSize ?? writableLength;
  }
}

/** What Node's own socket timeout looks at, too, to see whether bytes still leave. */
interface Handled {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}
