import { SetMetadata, type Type } from '@nestjs/common';
import type { Principal, RoomAnswer, RoomRule } from '@trunkline/server';

/** Which room a client wants to enter, and what it brought along. */
export interface RoomParams {
  /** The whole name, e.g. `chat:42`. */
  readonly room: string;
  /** What the pattern's first `*` stands for, `42` of `chat:*`; `''` without one. */
  readonly id: string;
  /** The client id of the connection. */
  readonly clientId: string;
  /** The subscription token that the client sent, if any. */
  readonly token?: string;
  /** The data that the client sent along, if any. */
  readonly data?: unknown;
}

/** A provider that decides who of the clients enters a room. */
export interface CanJoin {
  /**
   * May this principal enter? `true`, or a grant with conditions; anything else does not open the door.
   * Asked each time, on recovery and for `presence` and `history` too. Throwing: error 100.
   */
  canJoin(principal: Principal, params: RoomParams): RoomAnswer | Promise<RoomAnswer>;
}

/** What holds in the rooms besides who may enter. */
export type RoomPolicyOptions = Omit<RoomRule, 'authorize'>;

/** What `@RoomPolicy` has noted of a class. */
export interface PolicyMark {
  readonly pattern: string;
  readonly options: RoomPolicyOptions | undefined;
}

const POLICY = 'trunkline:room-policy';

/**
 * Makes a provider decide who enters the rooms of a pattern (`*`: any run of characters). What else holds
 * there is said here or in the module's `rooms`, under the same pattern; not in both.
 */
export function RoomPolicy(
  pattern: string,
  options?: RoomPolicyOptions,
): (target: Type<CanJoin>) => void {
  const mark: PolicyMark = { pattern, options };
  return (target) => {
    SetMetadata(POLICY, mark)(target);
  };
}

/** What `@RoomPolicy` has noted of a class, not of one that it extends. */
export function policyMarkOf(target: object): PolicyMark | undefined {
  return Reflect.getOwnMetadata(POLICY, target) as PolicyMark | undefined;
}
