import { expect, onTestFinished, test } from 'vitest';
import { comesTrue } from '../comes-true.ts';
import { castOf } from './cast.ts';
import { Lab, type LabInit } from './lab.ts';
import { leftovers } from './resources.ts';
import { judge } from './verdict.ts';

// The lab's own parts: can what it says be believed? One node, on its own memory.

const timeout = 120_000;

async function openLab(init: Partial<LabInit> = {}): Promise<Lab> {
  const lab = await Lab.open({ seed: 1, engine: 'memory', ...init });
  onTestFinished(() => lab.close());
  return lab;
}

test('what a killed node has called is known, and everybody is told of the gap', {
  timeout,
}, async () => {
  const lab = await openLab();
  const [node] = lab.nodes;
  const { to, ...cast } = castOf(['acme', 'globex'], 1);
  const crowd = await lab.crowd({ make: 'raw', count: 6, ...cast });
  await lab.load({ to, perSecond: 200 });
  expect(await comesTrue(60_000, async () => (await crowd.totals()).deliveries > 50)).toBe(true);
  await node?.process.kill9();
  await node?.process.restart();
  const { violations, clients, ledgers } = await judge(lab);
  expect(violations).toEqual([]);
  expect(clients.gaps).toBe(6 * 3);
  expect(clients.outcomes).toMatchObject({ cut: 6 });
  const lives = new Set(ledgers.published.map(({ id }) => id.split('.')[1]));
  expect([...lives]).toEqual(['0', '1']);
});

test('a node that is blocked, or frozen, answers afterwards', { timeout }, async () => {
  const lab = await openLab();
  const [node] = lab.nodes;
  await node?.process.block(300);
  expect((await node?.process.report())?.stallMs).toBeGreaterThan(250);
  node?.process.freeze();
  const asking = node?.process.report();
  setTimeout(() => node?.process.thaw(), 300);
  expect((await asking)?.stallMs).toBeGreaterThan(250);
});

test('a node that is terminated drains, and ends in order', { timeout }, async () => {
  const lab = await openLab({ drain: { waitMs: 1_500, spreadMs: 200, deadlineMs: 20_000 } });
  const [node] = lab.nodes;
  const crowd = await lab.crowd({ make: 'raw', count: 4, tenantIds: ['acme'] });
  const ready = async () => (await fetch(`http://127.0.0.1:${node?.process.port}/readyz`)).status;
  expect(await ready()).toBe(200);
  node?.process.terminate();
  expect(await comesTrue(10_000, async () => (await ready()) === 503, 10)).toBe(true);
  expect(await node?.process.exited()).toBe(0);
  expect((await crowd.totals()).outcomes).toMatchObject({ 'closed 3001': 4 });
});

test('clients that stay are left behind: I8', { timeout }, async () => {
  const lab = await openLab();
  const { to, ...cast } = castOf(['acme'], 1);
  await lab.crowd({ make: 'raw', count: 2, ...cast });
  await lab.nodes[0]?.process.publishAll(to);
  const stays = await judge(lab, { isLeft: false });
  expect(stays.violations).toEqual([]);
  const left = await leftovers(lab, 500);
  expect(left).toContainEqual({
    invariant: 'I8',
    message: '2 connections of n0 are left, 0 before',
  });
});

test('clients that do not come back are missed: I7', { timeout }, async () => {
  const lab = await openLab();
  const { to, ...cast } = castOf(['acme'], 1);
  await lab.crowd({ make: 'raw', count: 2, ...cast });
  await lab.nodes[0]?.process.publishAll(to);
  await lab.nodes[0]?.clients.refuse();
  await lab.nodes[0]?.clients.rst();
  const { violations } = await judge(lab, { patienceMs: 1_000 });
  expect(violations).toEqual([{ invariant: 'I7', message: '2 of 2 clients never came back' }]);
});

test('stock clients and raw ones are told the same', { timeout }, async () => {
  const lab = await openLab();
  const { to, ...cast } = castOf(['acme'], 1);
  await lab.crowd({ make: 'stock', count: 2, ...cast });
  await lab.crowd({ make: 'raw', count: 2, ...cast });
  await lab.nodes[0]?.process.publishAll([...to, ...to], true);
  await lab.nodes[0]?.clients.rst();
  const { violations, clients, ledgers } = await judge(lab);
  expect(violations).toEqual([]);
  expect(clients.recovered).toBe(4 * 3);
  const inRoom = [...ledgers.readers()].filter(({ channel }) => channel.includes(':c:'));
  const [first] = inRoom.map(({ told }) => told.map(({ kind }) => kind));
  expect(inRoom.map(({ told }) => told.map(({ kind }) => kind))).toEqual(inRoom.map(() => first));
  expect(first).toContain('delivered');
});
