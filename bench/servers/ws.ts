// `ws` as its documentation shows it: a loop around `send`, the text made once.

import { serve } from './peer.ts';
import { byRoom } from './rooms.ts';
import { acceptMembers } from './ws-members.ts';

const { members, listen } = acceptMembers();

serve({
  listen,
  ...byRoom((room, event) => {
    const text = JSON.stringify(event);
    for (const socket of members.of(room)) {
      if (socket.readyState === socket.OPEN) socket.send(text);
    }
  }),
});
