import type { WebSocket } from 'ws';
import type { Disconnect } from './errors.ts';

/** A polite close waits this long for the peer's. */
export const CLOSE_GRACE_MS = 5_000;

/** The way out to one client, as much of it as a session needs. */
export interface Transport {
  /** Bytes handed over and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Sends one frame: one or more lines. */
  send(frame: string): void;
  /** Says why and closes; destroys the socket when the peer does not answer in time. */
  close(disconnect: Disconnect, graceMs: number): void;
  /** Destroys the socket at once. */
  terminate(): void;
}

/** A session's transport over a WebSocket. */
export class WebSocketTransport implements Transport {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(frame: string): void {
    this.#socket.send(frame);
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
