import type { DrainOptions } from '@trunkline/server';
import type { Environment } from './environment.ts';

/** How a stop goes. */
export interface Stop {
  /** How connections are closed. */
  readonly drain: Required<DrainOptions>;
  /** How long running work may go on, as part of that. */
  readonly workMs: number;
  /** Are HTTP requests cut that are still being answered after that, or does each get its answer? */
  readonly cutsRequests: boolean;
  /** After this the process ends, whatever hangs. */
  readonly limitMs: number;
}

/** What `DRAIN` chooses between. */
export const stops: Readonly<Record<Environment['DRAIN'], Stop>> = {
  // Somebody who pressed Ctrl-C waits for it.
  quick: {
    drain: { waitMs: 0, spreadMs: 1_000, deadlineMs: 4_000 },
    workMs: 1_500,
    cutsRequests: true,
    limitMs: 4_900,
  },
  // The balancer needs time to look elsewhere, and the other nodes time to take the clients in.
  deploy: {
    drain: { waitMs: 5_000, spreadMs: 15_000, deadlineMs: 25_000 },
    workMs: 5_000,
    cutsRequests: false,
    limitMs: 28_000,
  },
};
