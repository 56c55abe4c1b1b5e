import type { ServerSetup } from '../servers/peer.ts';
import type { Audience, Stage, Used } from '../stage.ts';

/** Everything that one run of a scenario on one peer has measured, by what it is. */
export type Measures = Readonly<Partial<Record<MeasureName, number>>> & {
  /** Calls of each command of Redis, for each event, connection or second: what the scenario counts. */
  readonly commands?: Readonly<Record<string, number>>;
};

export type MeasureName = keyof typeof units;

/** What is measured, and in what; much of it only where nodes share a Redis. */
export const units = {
  /** Server CPU-seconds per million deliveries. */
  cpuPerMillion: 'CPU-s per M deliveries',
  deliveriesPerSecond: 'deliveries/s',
  cpuPerPublish: 'CPU µs per publish',
  publishesPerSecond: 'publishes/s',
  cpuPerConnection: 'CPU µs per connection',
  connectionsPerSecond: 'connections/s',
  kib100: 'KiB per connection at 100',
  kib1000: 'KiB per connection at 1,000',
  kib9000: 'KiB per connection at 9,000',
  p50Ms: 'p50 ms',
  p99Ms: 'p99 ms',
  calmP99Ms: 'p99 ms alone',
  floodPerSecond: 'flood, deliveries/s',
  recoveryMs: 'ms until all are back',
  eventsPerSecond: 'events/s',
  publisherCpu: 'CPU µs per event, publishing node',
  listenerCpu: 'CPU µs per event, each other node',
  redisCpuPerEvent: 'CPU µs per event, Redis',
  redisInBytes: 'bytes to Redis per event',
  redisOutBytes: 'bytes from Redis per event',
  receiptP50Ms: 'receipt, p50 ms',
  receiptP99Ms: 'receipt, p99 ms',
  lastP50Ms: 'last subscriber, p50 ms',
  lastP99Ms: 'last subscriber, p99 ms',
  redisCpuPerConnection: 'CPU µs per connection, Redis',
  redisInPerConnection: 'bytes to Redis per connection',
  redisOutPerConnection: 'bytes from Redis per connection',
  channels: 'channels followed',
  idleNodeCpu: 'node, CPU ms per second',
  idleRedisCpu: 'Redis, CPU ms per second',
  idleCommands: 'commands per second',
  idleInBytes: 'bytes to Redis per second',
  idleOutBytes: 'bytes from Redis per second',
  nodeCores: 'nodes, cores',
  redisCores: 'Redis, cores',
  loadCores: 'load, cores',
  otherCores: 'others, cores',
} as const;

/** One kind of work that is measured. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Who is connected before it begins, and for each of its slices; `null`: it lets them in itself. */
  readonly audience: Audience | null;
  readonly setup?: ServerSetup;
  /** Those that it makes sense for. Default: all. */
  readonly peers?: readonly string[];
  /** Counts things that are the same each time: the first round is enough. */
  readonly isOnce?: boolean;
  /** May be measured once more on the same server, where others have disturbed it. */
  readonly isRepeatable: boolean;
  /** What its row of the table says, the main figure first. */
  readonly figures: readonly MeasureName[];
  measure(stage: Stage, effort: Effort): Promise<Measures>;
}

/** How long to measure, each time. */
export interface Effort {
  readonly warmMs: number;
  readonly measureMs: number;
}

/** Cores that others may use while something is measured. */
const TOLERATED_CORES = 0.2;

/** Was the machine the benchmark's alone, as far as that is known? */
export function isQuiet({ otherCores = 0 }: Measures): boolean {
  return otherCores <= TOLERATED_CORES;
}

/** How far the machine was the benchmark's alone. */
export function conditionsOf({ loadCores, otherCores }: Used): Measures {
  return { loadCores, ...(otherCores === null ? {} : { otherCores }) };
}
