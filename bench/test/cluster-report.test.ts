import { expect, test } from 'vitest';
import { costRows, costsIn } from '../cluster/report/arithmetic.ts';
import { commandRows } from '../cluster/report/commands.ts';
import { ClusterFigures } from '../cluster/report/figures.ts';
import type { Measured } from '../report/page.ts';
import type { Measures } from '../scenarios/scenario.ts';
import { clusterSuite } from '../suites.ts';

type Given = readonly (readonly [scenario: string, peer: string, measures: Measures])[];

const measuredOf = (given: Given): Measured => ({
  conditions: { date: '', command: '', node: '', machine: '', isPinned: true, versions: {} },
  rounds: 1,
  slices: 1,
  scenarios: clusterSuite.scenarios,
  peers: clusterSuite.peers,
  bases: clusterSuite.bases,
  runs: given.map(([scenario, peer, measures]) => ({
    round: 1,
    slice: 1,
    scenario,
    peer,
    measures,
  })),
});

test('what following a channel costs is what more of them cost more', () => {
  const measured = measuredOf([
    ['idle-0', 'redis-1', { channels: 2, idleNodeCpu: 3, idleRedisCpu: 1 }],
    ['idle-5000', 'redis-1', { channels: 10_002, idleNodeCpu: 23, idleRedisCpu: 11 }],
  ]);
  const { node, redis } = costsIn(new ClusterFigures(measured));
  expect(node.follow).toBeCloseTo(2_000);
  expect(redis.follow).toBeCloseTo(1_000);
});

test('what Redis spends for one more node that listens is the difference of two', () => {
  const measured = measuredOf([
    ['publish', 'redis-1', { publisherCpu: 20, redisCpuPerEvent: 15 }],
    ['publish', 'redis-3', { listenerCpu: 7, redisCpuPerEvent: 16 }],
  ]);
  const costs = costsIn(new ClusterFigures(measured));
  expect(costs.redis.hear).toBeCloseTo(0.5);
  expect(costRows(costs)).toContainEqual([
    '… and on every other node with a subscriber',
    '7.00',
    '0.50',
  ]);
});

test('commands are told by number, without what only happens to fall into the time', () => {
  const commands = { xadd: 1, hmget: 1.5, evalsha: 1, ping: 0.01 };
  const measured = measuredOf([['one-event', 'redis-1', { commands }]]);
  expect(commandRows(measured, 'one-event', 'per event')).toEqual([
    ['', 'commands per event'],
    ['redis-1', 'hmget 1.5, evalsha 1, xadd 1'],
  ]);
});
