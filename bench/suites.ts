import { clusterPeers, MEMORY } from './cluster/peers.ts';
import { clusterScenarios } from './cluster/scenarios/all.ts';
import { CEILING, type PeerEntry, peers, RIVAL } from './peers.ts';
import { scenarios } from './scenarios/all.ts';
import type { Effort, Scenario } from './scenarios/scenario.ts';

/** How thoroughly everything is measured. */
interface Thoroughness {
  readonly slices: number;
  readonly effort: Effort;
  readonly firstEffort?: Effort;
}

/** What is measured by one command. */
export interface Suite {
  /** Typed behind `npm run bench --`; empty: nothing is. */
  readonly name: string;
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly PeerEntry[];
  /** What each row is a multiple of, in the tables. */
  readonly bases: readonly string[];
  /** Packages and programs whose versions matter. */
  readonly parts: readonly string[];
  /** Peers that are up at once. */
  readonly together: number;
  /** As often as a page needs. */
  readonly rounds: number;
  readonly thorough: Thoroughness;
  readonly hasty: Thoroughness;
  /** Its last whole run: what the page, the plots and the README say. */
  readonly latest: URL;
}

/** One server each: what it costs beside others. */
export const serverSuite: Suite = {
  name: '',
  scenarios,
  peers,
  bases: [CEILING, RIVAL],
  parts: ['ws', 'socket.io', '@nestjs/core', '@nestjs/platform-socket.io', 'bun'],
  together: 3,
  rounds: 5,
  thorough: { slices: 3, effort: { warmMs: 200, measureMs: 600 } },
  hasty: { slices: 2, effort: { warmMs: 200, measureMs: 400 } },
  latest: new URL('latest.json', import.meta.url),
};

/** Many nodes with a Redis between them. */
export const clusterSuite: Suite = {
  name: 'cluster',
  scenarios: clusterScenarios,
  peers: clusterPeers,
  bases: [MEMORY, 'socket.io-1', 'socket.io-2'],
  parts: ['Redis', 'ioredis', 'socket.io', '@socket.io/redis-streams-adapter'],
  together: clusterPeers.length,
  rounds: 3,
  thorough: {
    slices: 1,
    effort: { warmMs: 200, measureMs: 600 },
    firstEffort: { warmMs: 100, measureMs: 300 },
  },
  hasty: { slices: 1, effort: { warmMs: 100, measureMs: 300 } },
  latest: new URL('latest-cluster.json', import.meta.url),
};
