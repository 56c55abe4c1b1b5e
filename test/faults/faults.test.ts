import { expect, test } from 'vitest';
import { needs, ownRedisForTests } from '../services/for-tests.ts';
import { findNginx } from '../services/nginx.ts';
import { brokenPromises } from './experiment.ts';
import { model } from './t02-model.ts';
import { seam } from './t04-seam.ts';
import { flapping } from './t07-flapping.ts';
import { nodeKilled } from './t15-node-killed.ts';
import { rollingRestart } from './t16-rolling-restart.ts';
import { rollback } from './t20-rollback.ts';
import { subscriptionsCut } from './t24-subscriptions-cut.ts';

// The most telling experiments of `npm run test:faults`, at the smallest size.

const redis = ownRedisForTests();
const found = findNginx();
const nginx = { missing: typeof found === 'string' ? undefined : found.missing };
const seed = 1;
const timeout = 120_000;

test('whatever users do, and whatever breaks meanwhile, all promises are kept', {
  ...needs(redis),
  timeout,
}, async () => {
  const plan = { seeds: [seed], seconds: 5, listeners: 12, perSecond: 60, isWhole: false };
  expect(brokenPromises(await model(plan))).toEqual([]);
});

test('who subscribes in the middle of a burst misses nothing, and gets nothing twice', {
  ...needs(redis),
  timeout,
}, async () => {
  const plan = { races: 300, racers: 20, roomsPerTenant: 4, perSecond: 400, hasControl: false };
  expect(brokenPromises(await seam({ ...plan, seed }))).toEqual([]);
});

test('clients whose connections break all the time miss nothing', {
  ...needs(redis),
  timeout,
}, async () => {
  const plan = { stock: 5, raw: 15, seconds: 4, perSecond: 50, seed };
  expect(brokenPromises(await flapping(plan))).toEqual([]);
});

test('what is lost between Redis and a node is delivered all the same', {
  ...needs(redis),
  timeout,
}, async () => {
  const plan = { clients: 10, perSecond: 50, cutsMs: [1_000], kills: 3, calmMs: 500, seed };
  expect(brokenPromises(await subscriptionsCut(plan))).toEqual([]);
});

test('clients of a node that is killed go on where they were, on another one', {
  ...needs(redis),
  timeout,
}, async () => {
  const onMemory = { clients: 10, kills: 1 };
  const plan = { clients: 60, kills: 2, everyMs: 2_500, perSecond: 60, presenceTtlMs: 3_000 };
  expect(brokenPromises(await nodeKilled({ ...plan, onMemory, seed }))).toEqual([]);
});

test('all nodes are replaced one after the other, and nobody misses anything', {
  ...needs(redis, nginx),
  timeout,
}, async () => {
  const drain = { waitMs: 200, spreadMs: 800, deadlineMs: 5_000 };
  const plan = { clients: 60, perSecond: 60, drain, stuck: 0, seed };
  expect(brokenPromises(await rollingRestart(plan))).toEqual([]);
});

test('when Redis forgets what it had acknowledged, everybody is told of the gap', {
  ...needs(redis),
  timeout,
}, async () => {
  expect(brokenPromises(await rollback({ rooms: 3, rounds: 1, seed }))).toEqual([]);
});
