import { NOBODY, type PresenceState, type RoomPlug } from '@trunkline/client';
import { useCallback, useSyncExternalStore } from 'react';
import { useRoomConsumer } from './use-room-consumer.ts';

const WATCH: { readonly plug: RoomPlug } = { plug: ({ presence }) => presence.watch() };

/** Who is in a room, while mounted; the page is in it then, as with `useRoom`. */
export function usePresence(room: string | null | undefined): PresenceState {
  const { consumer, place } = useRoomConsumer(room, WATCH);
  return useSyncExternalStore(
    consumer.watch,
    useCallback(() => consumer.room(place)?.presence.state.get() ?? NOBODY, [consumer, place]),
    () => NOBODY,
  );
}
