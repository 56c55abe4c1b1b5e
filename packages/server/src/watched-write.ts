import type { Socket } from 'node:net';
import { Deadline } from './deadline.ts';
import type { SendProgress } from './transport.ts';

/** What a write is watched on. */
export interface WatchedSocket {
  readonly tcp: Socket;
  /** Does anybody still want to hear of it? */
  isOpen(): boolean;
}

/**
 * Writes, and tells the sender how it goes on. A timeout of the socket would do, but what comes in
 * counts for it too: a peer that does not read could talk it away.
 */
export function writeWatched(
  socket: WatchedSocket,
  progress: SendProgress,
  write: (onWritten: () => void) => void,
): void {
  const stall = new Deadline();
  write(() => {
    stall.clear();
    progress.onWritten();
  });
  const pending = pendingBytes(socket.tcp);
  if (pending > 0) watch(socket, progress, stall, pending);
}

function watch(
  socket: WatchedSocket,
  progress: SendProgress,
  stall: Deadline,
  pending: number,
): void {
  stall.set(progress.stallMs, () => {
    const left = pendingBytes(socket.tcp);
    if (!socket.isOpen()) return;
    if (left < pending) watch(socket, progress, stall, left);
    else progress.onStall();
  });
}

/** What the kernel has not taken. One large write counts as whole in the stream, not in its handle. */
function pendingBytes(tcp: Socket): number {
  const { _handle: handle, writableLength } = tcp as Socket & Handled;
  return handle?.writeQueueSize ?? writableLength;
}

/** What Node's own socket timeout looks at, too, to see whether bytes still leave. */
interface Handled {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}
