import { expect, test, vi } from 'vitest';
import { Turn, type Writer } from '../src/turn.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('writers write once at the end of the turn, and turns have different numbers', async () => {
  const turns = new Turn();
  const flush = vi.fn<() => void>();
  const writer: Writer = { flush };
  const first = turns.number;
  turns.add(writer);
  expect(flush).not.toHaveBeenCalled();
  await turn();
  expect(flush).toHaveBeenCalledOnce();
  expect(turns.number).not.toBe(first);
});

test('one that throws keeps no other from writing', async () => {
  const turns = new Turn();
  const caught = vi.fn<(error: unknown) => void>();
  process.removeAllListeners('uncaughtException'); // Vitest's own would fail the run
  process.once('uncaughtException', caught);
  const flush = vi.fn<() => void>();
  turns.add({
    flush: () => {
      throw new Error('broken writer');
    },
  });
  turns.add({ flush });
  for (let n = 0; n < 3; n += 1) await turn();
  expect(caught).toHaveBeenCalledOnce();
  expect(flush).toHaveBeenCalledOnce();
});
