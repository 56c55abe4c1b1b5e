/** What a server is told to do in one turn of its event loop. */
export interface PublishCommand {
  readonly tenant: string;
  readonly to: 'room' | 'user';
  /** One event to each of so many streams from this one on: rooms `r0`, `r1`, … or users `u0`, `u1`, … */
  readonly first: number;
  readonly count: number;
  /** Events for each of them. */
  readonly events: number;
  /** From one stream to the next. Default 1. */
  readonly step?: number;
  /** One event to each of so many streams, and the next in a later turn, when all receipts have come. */
  readonly perTurn?: number;
  /** Waits for each publish before the next. Default: all in one go. */
  readonly isAwaited?: boolean;
  /** Notes how long each receipt takes, where the server gives any. */
  readonly isTimed?: boolean;
}

/** The name of a room or a user. */
export function streamName(to: PublishCommand['to'], index: number): string {
  return `${to === 'room' ? 'r' : 'u'}${index}`;
}
