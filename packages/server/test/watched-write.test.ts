import type { Socket } from 'node:net';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { writeWatched } from '../src/watched-write.ts';

const STALL_MS = 1_000;

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

/** Lets time pass, and a look that has become due with it. */
const pass = async (ms: number) => await vi.advanceTimersByTimeAsync(ms + 1);

/** A socket that has been given something, of which nothing has left. */
function fakeSocket({ given = 0, inHandle = 0 }) {
  const handle = { bytesWritten: inHandle, writeQueueSize: inHandle };
  const tcp = { writableLength: given, bytesWritten: given, destroyed: false, _handle: handle };
  return { tcp, handle };
}

/** Writes on it and notes what its sender hears. */
function watched(tcp: object, isOpen = () => true) {
  const heard: string[] = [];
  let written = () => {};
  const progress = {
    stallMs: STALL_MS,
    onWritten: () => void heard.push('written'),
    onStall: () => void heard.push('stall'),
  };
  writeWatched({ tcp: tcp as Socket, isOpen }, progress, (onWritten) => (written = onWritten));
  return { heard, written: () => written() };
}

test('a write of which nothing leaves has stalled, and that is said once', async () => {
  const { tcp } = fakeSocket({ given: 1_000, inHandle: 1_000 });
  const { heard } = watched(tcp);
  await pass(STALL_MS * 4);
  expect(heard).toEqual(['stall']);
});

test('a large write that moves into the handle later is no stall while bytes leave', async () => {
  const { tcp, handle } = fakeSocket({ given: 1_001_000, inHandle: 1_000 });
  const { heard, written } = watched(tcp);
  await pass(STALL_MS / 2);
  handle.bytesWritten += 1_000_000; // the first thousand has left, and this comes behind it
  handle.writeQueueSize = 1_000_000;
  await pass(STALL_MS);
  for (let n = 0; n < 4; n += 1) {
    handle.writeQueueSize -= 1_000;
    await pass(STALL_MS);
  }
  expect(heard).toEqual([]);
  written();
  await pass(STALL_MS * 2);
  expect(heard).toEqual(['written']);
});

test('what is handed over behind it does not count as progress', async () => {
  const { tcp, handle } = fakeSocket({ given: 1_000, inHandle: 1_000 });
  const { heard } = watched(tcp);
  await pass(STALL_MS / 2);
  handle.bytesWritten += 500;
  handle.writeQueueSize += 500;
  await pass(STALL_MS * 3);
  expect(heard).toEqual(['stall']);
});

test('a socket without a count of its own is watched by what its stream says', async () => {
  const tcp = { writableLength: 1_000, bytesWritten: 1_000, destroyed: false, _handle: {} };
  const { heard } = watched(tcp);
  for (let n = 0; n < 4; n += 1) {
    tcp.writableLength -= 100;
    await pass(STALL_MS);
  }
  expect(heard).toEqual([]);
  await pass(STALL_MS * 3);
  expect(heard).toEqual(['stall']);
});

test('nothing is said of a socket that has gone, or that nobody wants to hear of', async () => {
  const gone = fakeSocket({ given: 1_000, inHandle: 1_000 }).tcp;
  const ofGone = watched(gone);
  Object.assign(gone, { destroyed: true, _handle: null });
  const ofClosed = watched(fakeSocket({ given: 1_000, inHandle: 1_000 }).tcp, () => false);
  await pass(STALL_MS * 3);
  expect([ofGone.heard, ofClosed.heard]).toEqual([[], []]);
});
