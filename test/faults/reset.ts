import type { Socket } from 'node:net';

/** RST in the place of an end. */
export function reset(socket: Socket): void {
  // Node.js loses a socket that is reset while its end is on the way, and cannot exit afterwards.
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}
