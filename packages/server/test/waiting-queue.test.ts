import { expect, test } from 'vitest';
import { WaitingQueue } from '../src/waiting-queue.ts';

/** So much is there; what is taken is gone until somebody brings it back. */
function stock(amount: number) {
  const state = { left: amount };
  const queue = new WaitingQueue({
    tryTake: (count) => {
      if (count > state.left) return false;
      state.left -= count;
      return true;
    },
    waitMs: () => 60_000,
  });
  return { state, queue };
}

test('who asks while others wait does not overtake them', async () => {
  const { state, queue } = stock(1);
  const order: string[] = [];
  const ask = async (name: string, amount: number) => {
    expect(await queue.take(amount, 60_000)).toBe(true);
    order.push(name);
  };
  const all = Promise.all([ask('large', 5), ask('small', 1)]);
  expect(state.left).toBe(1);
  state.left = 6;
  queue.admit();
  await all;
  expect(order).toEqual(['large', 'small']);
});

test('who has waited long enough gets nothing, and those behind are looked at', async () => {
  const { queue } = stock(1);
  const [impatient, small] = [queue.take(5, 10), queue.take(1, 60_000)];
  expect(await Promise.all([impatient, small])).toEqual([false, true]);
});

test('nobody waits for what has ended', async () => {
  const { queue } = stock(0);
  const waiting = queue.take(1, 60_000);
  queue.close();
  expect([await waiting, await queue.take(0, 0)]).toEqual([false, false]);
});
