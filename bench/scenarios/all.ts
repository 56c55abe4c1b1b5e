import { connecting } from './connect.ts';
import { fanOuts } from './fan-out.ts';
import { latencies } from './latency.ts';
import { memory } from './memory.ts';
import { neighbour } from './neighbour.ts';
import { publishing } from './publish.ts';
import { recovery } from './recovery.ts';
import type { Scenario } from './scenario.ts';

/** Everything that is measured, in the order of the tables. */
export const scenarios: readonly Scenario[] = [
  ...fanOuts,
  ...latencies,
  connecting,
  memory,
  neighbour,
  recovery,
  publishing,
];
