import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Disconnect } from './errors.ts';
import type { Batch } from './protocol/batch.ts';
import { writeWatched } from './watched-write.ts';

/** A polite close waits this long for the peer's. */
export const CLOSE_GRACE_MS = 5_000;
/** Who does not read or does not answer pings is not waited for as long as others. */
export const DEAF_GRACE_MS = 1_000;
/** Nor is one that is to hear nothing more. */
export const EXPEL_GRACE_MS = 500;

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
  /** What the client's commands come with, where they come by another way; unguessable. */
  readonly sessionKey?: string;
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
    if (!progress) {
      this.#tcp.write(batch.frame);
      return;
    }
    const socket = { tcp: this.#tcp, isOpen: () => this.#socket.readyState === this.#socket.OPEN };
    writeWatched(socket, progress, (onWritten) => this.#tcp.write(batch.frame, onWritten));
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
}
