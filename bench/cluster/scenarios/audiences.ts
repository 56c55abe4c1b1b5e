import type { Audience } from '../../stage.ts';

// Scenarios that name the same one share its servers.

/** 10 rooms, each spread over all nodes. */
export const roomsOf100: Audience = { connections: 1_000, rooms: 10 };

/** 24 rooms of 100: 1, 2 or 3 nodes have a multiple of 4 of them each. The load does not read meanwhile. */
export const roomsAtRest: Audience = { connections: 2_400, rooms: 24, hasAllCores: true };

/** One room, spread over all nodes. */
export const roomOf1000: Audience = { connections: 1_000, rooms: 1 };

/** A smaller one. */
export const roomOf100: Audience = { connections: 100, rooms: 1 };

/** As few as make every node listen. */
export const onePerNode: Audience = { connections: 1, rooms: 1, isPerNode: true };
