import type { Position, Reader } from '../../packages/server/test/model/ledger.ts';

/** A gap signal, and how many publications it stands for. */
export interface Gap {
  readonly client: string;
  readonly channel: string;
  /** `null`: the stream has begun anew, so that nobody can say. */
  readonly missed: number | null;
}

/** The gap signals that clients got who had missed no more than so many: the history still had it all. */
export function gapsInside(readers: Iterable<Reader>, size: number): Gap[] {
  return [...readers].flatMap(gapsOf).filter(({ missed }) => missed !== null && missed <= size);
}

function gapsOf({ client, channel, told }: Reader): Gap[] {
  let at: Position | null = null;
  return told.flatMap((each): Gap[] => {
    const before = at;
    if (each.kind === 'ended') return [];
    at = each.position ?? at;
    if (each.kind !== 'subscribed' || !each.wasRecovering || each.recovered) return [];
    return [{ client, channel, missed: missedBetween(before, each.position) }];
  });
}

function missedBetween(from: Position | null, to: Position | null): number | null {
  return from && to && from.epoch === to.epoch ? to.offset - from.offset : null;
}
