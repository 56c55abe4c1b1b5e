// The ceiling: one WebSocket frame for all, written past `ws` to each socket.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { textFrame } from '../load/frames.ts';
import { serve } from './peer.ts';
import { byRoom } from './rooms.ts';
import { acceptMembers } from './ws-members.ts';

const { members, listen } = acceptMembers();

/** What is not public of `ws`. */
function socketOf(member: WebSocket): Socket | null {
  return (member as unknown as Record<string, Socket | null>)['_socket'] ?? null;
}

serve({
  listen,
  ...byRoom((room, event) => {
    const frame = textFrame(JSON.stringify(event));
    for (const member of members.of(room)) {
      socketOf(member)?.write(frame);
    }
  }),
});
