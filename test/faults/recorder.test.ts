import { expect, test } from 'vitest';
import { now } from './clock.ts';
import { SeenStreams } from './compact-ledger.ts';
import { Histogram } from './histogram.ts';
import { payloadText } from './payload.ts';
import { Counters, Recorder } from './recorder.ts';

const position = { epoch: 'e1', offset: 0 };
const fresh = { position, wasRecovering: false, recovered: false };

function scene() {
  const counters = new Counters();
  const recorder = new Recorder({
    name: 'raw 1',
    person: { tenantId: 'acme', userId: 'ada' },
    wires: ['@user', 'room:1'],
    foreign: ['<globex>'],
    seen: new SeenStreams(),
    counters,
  });
  return { counters, recorder };
}

test('a client is there when it is connected and in all its channels', () => {
  const { recorder } = scene();
  recorder.connected();
  recorder.subscribed('@user', fresh);
  expect(recorder.isThere).toBe(false);
  recorder.subscribed('room:1', fresh);
  expect(recorder.isThere).toBe(true);
  recorder.lost('cut');
  expect(recorder.isThere).toBe(false);
});

test('it counts how it came back, and how long that took', () => {
  const { counters, recorder } = scene();
  recorder.connected();
  for (const wire of ['@user', 'room:1']) recorder.subscribed(wire, fresh);
  recorder.lost('cut');
  recorder.connected();
  recorder.subscribed('@user', { position, wasRecovering: true, recovered: true });
  expect(counters.recoveries.count).toBe(0);
  recorder.subscribed('room:1', { position, wasRecovering: true, recovered: false });
  const { recovered, gaps, outcomes, recoveries } = counters.take();
  expect({ recovered, gaps, outcomes }).toEqual({ recovered: 1, gaps: 1, outcomes: { cut: 1 } });
  expect(Histogram.of([recoveries]).count).toBe(1);
  expect(counters.take()).toMatchObject({ recovered: 0, gaps: 0, outcomes: {} });
});

test('a frame with text of another tenant is kept', () => {
  const { counters, recorder } = scene();
  recorder.frame(payloadText({ id: 'p1', tenantId: 'acme', at: now() }, 10));
  const stray = payloadText({ id: 'p2', tenantId: 'globex', at: now() }, 10);
  recorder.frame(stray);
  expect(counters.take().foreign).toEqual([{ client: 'raw 1', tenantId: 'acme', text: stray }]);
});

test('it knows in which channel it is behind, while it is in it', () => {
  const { recorder } = scene();
  const lastIds = { 't.acme:c:room:1': 'p2', 't.globex:c:room:1': 'q9' };
  recorder.connected();
  recorder.subscribed('room:1', fresh);
  for (const [n, id] of ['p1', 'p2'].entries()) {
    expect(recorder.isBehind(lastIds)).toBe(true);
    recorder.publication('room:1', { id, tenantId: 'acme', at: now() }, n + 1);
  }
  expect(recorder.isBehind(lastIds)).toBe(false);
  recorder.ended('room:1');
  expect(recorder.isBehind({ 't.acme:c:room:1': 'p3' })).toBe(false);
});

test('times are as exact as a figure must be, however many there are', () => {
  const all = new Histogram();
  for (let ms = 1; ms <= 10_000; ms += 1) all.add(ms);
  const half = Histogram.of([all.data, new Histogram().data]);
  expect(half.count).toBe(10_000);
  expect(half.quantile(0.5)).toBeGreaterThan(4_900);
  expect(half.quantile(0.5)).toBeLessThan(5_100);
  expect(half.quantile(1)).toBe(10_000);
  expect(half.maxMs).toBe(10_000);
});

test('a payload that is not as it was made is spoiled', () => {
  const { counters, recorder } = scene();
  recorder.subscribed('room:1', fresh);
  const whole = payloadText({ id: 'p1', tenantId: 'acme', at: now() }, 10);
  recorder.publication('room:1', JSON.parse(whole), 1);
  expect(counters.outcomes).toEqual({});
  recorder.publication('room:1', JSON.parse(whole.replace('....', '..,.')), 2);
  recorder.publication('room:1', JSON.parse(whole.replace('<acme>', '<acne>')), 3);
  expect(counters.outcomes).toEqual({ spoiled: 2 });
});
