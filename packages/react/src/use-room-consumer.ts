import { type Gap, type Place, RoomConsumer, type RoomPlug } from '@trunkline/client';
import { useCallback, useMemo, useState } from 'react';
import { useSettings } from './provider.tsx';
import { useLastingEffect } from './use-lasting-effect.ts';
import { useLatest } from './use-latest.ts';

/** A hook's part in a room. */
export interface RoomHook {
  readonly consumer: RoomConsumer;
  readonly place: Place;
}

/** What a hook says of a room beside its name. */
export interface RoomWish {
  readonly plug?: RoomPlug | undefined;
  readonly onGap?: ((gap: Gap) => void) | undefined;
}

const NOTHING: RoomWish = {};

/** Is in the room while mounted; `plug`, which is memoised, joins more than the events. */
export function useRoomConsumer(
  room: string | null | undefined,
  { plug, onGap }: RoomWish = NOTHING,
): RoomHook {
  const { url, tenantId } = useSettings();
  const name = room ?? '';
  const place = useMemo<Place>(() => ({ room: name, url, tenantId }), [name, url, tenantId]);
  const latestOnGap = useLatest(onGap);
  const [consumer] = useState(() => new RoomConsumer((gap) => latestOnGap.current?.(gap)));
  const attach = useCallback(() => consumer.attach(place, plug), [consumer, place, plug]);
  useLastingEffect(attach);
  return { consumer, place };
}
