import { expect, test } from 'vitest';
import { ReplySpace } from '../src/reply-space.ts';

/** A queue with as much space as the test says, that counts how often it is looked at. */
class Queue {
  looks = 0;
  #free: number;

  constructor(free: number) {
    this.#free = free;
  }

  get space(): number {
    this.looks += 1;
    return this.#free;
  }

  hold(bytes: number): void {
    this.#free -= bytes;
  }

  get free(): number {
    return this.#free;
  }
}

test('space is given out in the order of asking, as it comes free', async () => {
  const queue = new Queue(100);
  const space = new ReplySpace(queue);
  const served: string[] = [];
  const ask = async (name: string, bytes: number) => {
    expect(await space.take(bytes, 5_000)).toBe(true);
    served.push(name);
  };
  const asked = [ask('a', 80), ask('large', 90), ask('small', 10)];
  await asked[0];
  await new Promise((resolve) => setTimeout(resolve, 40));
  expect(served).toEqual(['a']); // the small one would fit, but it is not its turn
  space.release(80);
  await asked[1];
  space.release(90);
  await asked[2];
  expect(served).toEqual(['a', 'large', 'small']);
  expect(queue.free).toBe(90);
});

test('many who wait cost one look each few milliseconds, and give up in time', async () => {
  const queue = new Queue(10);
  const space = new ReplySpace(queue);
  const answers = Promise.all(Array.from({ length: 50 }, () => space.take(100, 200)));
  queue.looks = 0;
  expect(await answers).toEqual(Array.from({ length: 50 }, () => false));
  expect(queue.looks).toBeLessThan(100);
  expect(queue.free).toBe(10);
  queue.hold(-1_000);
  expect(await space.take(100, 0)).toBe(true);
});

test('nobody waits for a queue that has ended', async () => {
  const space = new ReplySpace(new Queue(0));
  const waiting = [space.take(1, 60_000), space.take(1, 60_000)];
  space.close();
  expect(await Promise.all(waiting)).toEqual([false, false]);
  expect(await space.take(0, 60_000)).toBe(false);
});
