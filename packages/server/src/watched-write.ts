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
  if (socket.tcp.writableLength > 0) watch(socket, progress, stall);
}

function watch(socket: WatchedSocket, progress: SendProgress, stall: Deadline): void {
  const before = bytesLeft(socket.tcp);
  stall.set(progress.stallMs, () => {
    if (!socket.isOpen() || socket.tcp.destroyed) return;
    if (bytesLeft(socket.tcp) > before) watch(socket, progress, stall);
    else progress.onStall();
  });
}

/**
 * What has left. What has not would not do: a large write counts as whole in the stream while parts of it
 * leave, and in the handle only when what stands before it has left.
 */
function bytesLeft(tcp: Socket): number {
  const { _handle: handle } = tcp as Socket & Handled;
  if (handle?.writeQueueSize === undefined) return tcp.bytesWritten - tcp.writableLength;
  return handle.bytesWritten - handle.writeQueueSize;
}

/** What the kernel was given and has not taken; Node's own socket timeout looks at it, too. */
interface Handled {
  readonly _handle?: { readonly bytesWritten: number; readonly writeQueueSize?: number } | null;
}
