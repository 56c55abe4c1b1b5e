import { type RoomPlug, Typing, type TypingOptions } from '@trunkline/client';
import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { useSettings } from './provider.tsx';
import { useBrowserLayoutEffect } from './use-layout-effect.ts';
import { useRoomConsumer } from './use-room-consumer.ts';

/** What `useTyping` returns. */
export interface UseTypingResult {
  /** The ids of the others who type, who began first is first. */
  readonly typingUsers: readonly string[];
  /** Say `true` at each keystroke, `false` after sending and on blur; the same function always. */
  readonly setTyping: (isTyping: boolean) => void;
}

const NO_OPTIONS: TypingOptions = {};
const NO_USERS: readonly string[] = [];

/** Who types in a room, while mounted; the page is in it then, as with `useRoom`. */
export function useTyping(
  room: string | null | undefined,
  options: TypingOptions = NO_OPTIONS,
): UseTypingResult {
  const { event, signal } = options;
  const { onError } = useSettings();
  const [typing] = useState(() => new Typing());
  const plug = useCallback<RoomPlug>((entered) => typing.mount(entered, event), [typing, event]);
  const { consumer, place } = useRoomConsumer(room, { plug });
  useBrowserLayoutEffect(() => typing.configure({ signal, onError }));
  const typingUsers = useSyncExternalStore(
    typing.users.subscribe,
    // after a change of room, the users are the old one's until the effects have run
    useCallback(
      () => (consumer.room(place) ? typing.users.get() : NO_USERS),
      [typing, consumer, place],
    ),
    () => NO_USERS,
  );
  return useMemo(() => ({ typingUsers, setTyping: typing.set }), [typing, typingUsers]);
}
