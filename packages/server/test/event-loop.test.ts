import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { EventLoopMonitor } from '../src/event-loop.ts';

const limits = { maxLagMs: 50, forMs: 250 };

function monitor(options = limits): EventLoopMonitor {
  const started = new EventLoopMonitor(options);
  started.start();
  onTestFinished(() => started.stop());
  return started;
}

function block(blockMs: number): void {
  const end = performance.now() + blockMs;
  while (performance.now() < end);
}

/** Stalls the loop again and again, until `isOver` or for `forMs`. Returns how long that took. */
async function stall(blockMs: number, restMs: number, forMs: number, isOver = () => false) {
  const startedAt = performance.now();
  const elapsedMs = () => performance.now() - startedAt;
  while (!isOver() && elapsedMs() < forMs) {
    block(blockMs);
    await (restMs > 0 ? sleep(restMs) : turn());
  }
  return elapsedMs();
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error('it did not become true in 5 s');
    await sleep(5);
  }
}

test('one long stall is lag and no overload', async () => {
  const loop = monitor();
  await turn();
  block(1_000);
  await until(() => loop.lagMs > 0);
  expect(loop.lagMs).toBeGreaterThan(900);
  expect(loop.lagMs).toBeLessThan(1_500);
  expect(loop.isOverloaded).toBe(false);
  await until(() => loop.lagMs <= limits.maxLagMs);
  expect(loop.isOverloaded).toBe(false);
});

test.each<[string, number, number]>([
  ['back to back', 80, 0],
  ['back to back, each longer than a sample', 150, 0],
  ['with rests', 80, 10],
])('stalls %s are an overload, which ends by itself', async (_name, blockMs, restMs) => {
  const loop = monitor();
  const elapsedMs = await stall(blockMs, restMs, 5_000, () => loop.isOverloaded);
  expect(loop.isOverloaded).toBe(true);
  expect(loop.lagMs).toBeGreaterThan(limits.maxLagMs);
  expect(elapsedMs).toBeGreaterThan(limits.forMs);
  expect(elapsedMs).toBeLessThan(1_500);
  await until(() => !loop.isOverloaded);
  expect(loop.lagMs).toBeLessThanOrEqual(limits.maxLagMs);
});

test('an overload does not begin before its time, and a break starts the time anew', async () => {
  const loop = monitor();
  const wasOverloaded: boolean[] = [];
  for (let round = 0; round < 3; round += 1) {
    await stall(80, 0, 200, () => wasOverloaded.push(loop.isOverloaded) < 0);
    await until(() => loop.lagMs <= limits.maxLagMs);
  }
  expect(wasOverloaded).not.toContain(true);
  expect(wasOverloaded.length).toBeGreaterThan(6);
});

test.each([
  ['maxLagMs', { ...limits, maxLagMs: Infinity }],
  ['forMs', { ...limits, forMs: Infinity }],
])('without a limit for %s there is no overload', async (_name, options) => {
  const loop = monitor(options);
  await stall(200, 0, 1_200);
  await until(() => loop.lagMs > 0);
  expect(loop.isOverloaded).toBe(false);
});

test('a monitor that is stopped knows nothing, and can be started again', async () => {
  const loop = monitor();
  await stall(80, 0, 5_000, () => loop.isOverloaded);
  loop.stop();
  expect([loop.isOverloaded, loop.lagMs]).toEqual([false, 0]);
  await stall(80, 0, 400);
  expect([loop.isOverloaded, loop.lagMs]).toEqual([false, 0]);
  loop.start();
  await stall(80, 0, 5_000, () => loop.isOverloaded);
  expect(loop.isOverloaded).toBe(true);
});

test('a monitor keeps no process alive', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  monitor();
  expect(timers()).toBe(before);
});
