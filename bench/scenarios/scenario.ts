import type { ServerSetup } from '../servers/peer.ts';
import type { Audience, Stage, Used } from '../stage.ts';

/** Everything that one run of a scenario on one peer has measured, by what it is. */
export type Measures = Readonly<Partial<Record<MeasureName, number>>>;

export type MeasureName = keyof typeof units;

/** What is measured, and in what. */
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
