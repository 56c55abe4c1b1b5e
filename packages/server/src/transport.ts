import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { Deadline } from './deadline.ts';
import type { Disconnect } from './errors.ts';
import type { Batch } from './protocol/batch.ts';

/** A polite close waits this long for the peer's. */
export const CLOSE_GRACE_MS = 5_000;

/** What a sender that is behind wants to hear of its frame. */
export interface SendProgress {
  /** The network has taken it, and all before it. */
  onWritten(): void;
  /** Nothing has moved for that many milliseconds. */
  onStall(): void;
  readonly stallMs: number;
}

/** The way out to one client, as much of it as a session needs. */
export interface Transport {
  /** Bytes handed over and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Writes one or more lines, in the transport's own form. */
  send(batch: Batch, progress?: SendProgress): void;
  /** Says why and closes; destroys the socket when the peer does not answer in time. */
  close(disconnect: Disconnect, graceMs: number): void;
  /** Destroys the socket at once. */
  terminate(): void;
}

/**
 * A session's transport over a WebSocket. Frames that are encoded already go to the TCP socket as they
 * are; that is sound as long as ws itself has nothing half-sent: it never has, because what it sends
 * (pongs, the close) is neither compressed nor fragmented.
 */
export class WebSocketTransport implements Transport {
  readonly #socket: WebSocket;
  readonly #tcp: Socket;

  constructor(socket: WebSocket, tcp: Socket) {
    this.#socket = socket;
    this.#tcp = tcp;
  }

  get bufferedBytes(): number {
    return this.#tcp.writableLength;
  }

  send(batch: Batch, progress?: SendProgress): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (progress) this.#sendWatched(batch.frame, progress);
    else this.#tcp.write(batch.frame);
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

  #sendWatched(frame: Buffer, progress: SendProgress): void {
    const watch = new Deadline();
    this.#tcp.write(frame, () => {
      watch.clear();
      progress.onWritten();
    });
    if (this.#pendingBytes > 0) this.#watch(watch, progress, this.#pendingBytes);
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
