import type { Scenario } from '../../scenarios/scenario.ts';
import { capacity } from './capacity.ts';
import { connecting } from './connect.ts';
import { idling } from './idle.ts';
import { latencies, rates } from './latency.ts';
import { asking, publishing } from './publish.ts';
import { throughputs } from './throughput.ts';

/** Everything that is measured with many nodes, in the order of the tables. */
export const clusterScenarios: readonly Scenario[] = [
  capacity,
  ...throughputs,
  ...rates,
  publishing,
  asking,
  ...latencies,
  connecting,
  ...idling,
];
