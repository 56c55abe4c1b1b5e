import type { Gap, RoomStatus, Subscribe } from '@trunkline/client';
import type { AppEvent } from '@trunkline/contract';
import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { useRoomConsumer } from './use-room-consumer.ts';

/** What `useRoom` takes beside the room. */
export interface UseRoomOptions {
  /** Called when events of this room were missed for good: load its state anew. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
}

/** What `useRoom` returns. */
export interface UseRoomResult {
  readonly status: RoomStatus;
  /** Registers a handler for this room's events alone; the same function for as long as mounted. */
  readonly subscribe: Subscribe;
  /** Says something to the room, if its rule lets clients speak; rejects with a `CallError`. */
  readonly publish: (event: AppEvent) => Promise<void>;
}

const NO_OPTIONS: UseRoomOptions = {};

/**
 * Is in a room while mounted: one that the server has put the user in, or else one that the page
 * asks for. It opens no connection itself: another hook with the user's id does. `''` or `null`: none.
 */
export function useRoom(
  room: string | null | undefined,
  options: UseRoomOptions = NO_OPTIONS,
): UseRoomResult {
  const { consumer, place } = useRoomConsumer(room, options);
  const status = useSyncExternalStore(
    consumer.watch,
    useCallback(() => consumer.room(place)?.status.get() ?? 'idle', [consumer, place]),
    () => 'idle' as const,
  );
  return useMemo(
    () => ({ status, subscribe: consumer.subscribe, publish: consumer.publish }),
    [status, consumer],
  );
}
