import { expect, test } from 'vitest';
import { Patience } from '../src/patience.ts';
import { TimerWheel } from '../src/timer-wheel.ts';

const never = async () => await new Promise<never>(() => {});

function patience(timeoutMs: number): Patience {
  return new Patience({ wheel: new TimerWheel(), timeoutMs, onLate: () => new Error('late') });
}

test('what answers in time settles as it does', async () => {
  const waiting = patience(1_000);
  expect(await waiting.wait(Promise.resolve(7))).toBe(7);
  await expect(waiting.wait(Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(waiting.spoke).toBeNull();
});

test('what does not is late, and nobody who was asked later waits for it', async () => {
  const waiting = patience(40);
  const late = waiting.wait(never());
  expect(await waiting.wait(Promise.resolve('quick'))).toBe('quick');
  await expect(late).rejects.toThrow('late');
  await expect(waiting.wait(never())).rejects.toThrow('late');
});

test('endless patience is never late', async () => {
  const waiting = patience(Infinity);
  const { promise, resolve } = Promise.withResolvers<number>();
  const answer = waiting.wait(promise);
  resolve(1);
  expect(await answer).toBe(1);
  expect(waiting.spoke).toBeNull();
});
