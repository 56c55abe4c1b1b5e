import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Alarm, TimerWheel } from '../src/timer-wheel.ts';

class Bell implements Alarm {
  spoke: Alarm['spoke'] = null;
  readonly rungAt: number[] = [];
  readonly #onRing: () => void;

  constructor(onRing: () => void = () => {}) {
    this.#onRing = onRing;
  }

  ring(): void {
    this.rungAt.push(performance.now());
    this.#onRing();
  }
}

async function rung(bell: Bell, times = 1): Promise<void> {
  while (bell.rungAt.length < times) await new Promise((resolve) => setImmediate(resolve));
}

test('alarms ring in the order of their times, none early', async () => {
  const wheel = new TimerWheel();
  const [soon, later] = [new Bell(), new Bell()];
  const startedAt = performance.now();
  wheel.set(later, 60);
  wheel.set(soon, 20);
  await Promise.all([rung(soon), rung(later)]);
  expect((soon.rungAt[0] ?? 0) - startedAt).toBeGreaterThanOrEqual(20);
  expect((later.rungAt[0] ?? 0) - startedAt).toBeGreaterThanOrEqual(60);
  expect(soon.spoke).toBeNull();
});

test('one that is set again or cleared does not ring for the time before', async () => {
  const wheel = new TimerWheel();
  const [cleared, moved, last] = [new Bell(), new Bell(), new Bell()];
  wheel.set(cleared, 5);
  wheel.set(moved, 5);
  wheel.clear(cleared);
  wheel.set(moved, 40);
  wheel.set(last, 80);
  await rung(last);
  expect(cleared.rungAt).toEqual([]);
  expect(moved.rungAt).toHaveLength(1);
});

test('one that throws keeps no other from ringing', async () => {
  const wheel = new TimerWheel();
  const caught = vi.fn<(error: unknown) => void>();
  process.removeAllListeners('uncaughtException'); // Vitest's own would fail the run
  process.once('uncaughtException', caught);
  const bad = new Bell(() => {
    throw new Error('broken bell');
  });
  const good = new Bell();
  wheel.set(bad, 5);
  wheel.set(good, 5);
  await rung(good);
  expect(caught).toHaveBeenCalledOnce();
});

test('thousands that are due together ring in several turns', async () => {
  const wheel = new TimerWheel();
  let turn = 0;
  const turns = new Map<number, number>();
  const bells = Array.from(
    { length: 1_200 },
    () => new Bell(() => turns.set(turn, (turns.get(turn) ?? 0) + 1)),
  );
  for (const bell of bells) wheel.set(bell, 5);
  while (bells.some((bell) => bell.rungAt.length === 0)) {
    await new Promise((resolve) => setImmediate(resolve));
    turn += 1;
  }
  expect(Math.max(...turns.values())).toBeLessThanOrEqual(500);
});

test('what came by a new connection while the process was stalled is read before an alarm rings', async () => {
  const wheel = new TimerWheel();
  const seen: string[] = [];
  const server = createServer((_request, response) => {
    seen.push('answer');
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const bell = new Bell(() => seen.push('alarm'));
  wheel.set(bell, 20);
  // The request is in the kernel's hands when the stall begins, and nobody has accepted it.
  const asking = httpRequest({ port, host: '127.0.0.1', agent: false });
  asking.end();
  await once(asking, 'socket');
  await new Promise((resolve) => setImmediate(resolve));
  const end = performance.now() + 60;
  while (performance.now() < end); // longer than the alarm's time
  await rung(bell);
  expect(seen[0]).toBe('answer');
});
