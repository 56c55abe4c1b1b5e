/** Somebody who is in a room now. Several connections of one user are one member. */
export interface Member {
  /** `''`: all who are anonymous together. */
  readonly userId: string;
  /** When the oldest of these connections came, milliseconds since 1970. */
  readonly since: number;
  /** How many connections (tabs, devices) they are here with. */
  readonly connections: number;
  /** What the principal of the newest connection lets others see. */
  readonly info?: unknown;
}

/** Who is in a room: what `trunkline:presence` answers. */
export interface MemberList {
  /** Who came first is first. Of very many only the first ones. */
  readonly members: readonly Member[];
  /** How many members there are, the ones that are not in the list included. */
  readonly total: number;
}

/** The call that answers `{ room }` with a `MemberList`. */
export const PRESENCE_CALL = 'trunkline:presence';

/** The call that tells a room `{ room, isTyping }`. */
export const TYPING_CALL = 'trunkline:typing';

/** The event type of `TypingSignal`. */
export const TYPING_EVENT = 'trunkline:typing';

/** Somebody in a room begins to type, goes on, or has stopped. Volatile: at most once, never replayed. */
export interface TypingSignal {
  readonly userId: string;
  readonly isTyping: boolean;
}
