import { expect, test } from 'vitest';
import { Batch } from '../src/protocol/batch.ts';
import { Line } from '../src/protocol/line.ts';

const [a, b, c] = [new Line('{"a":1}'), new Line('{"b":"ä"}'), new Line('{}')] as const;

test('who writes the same lines in the same turn shares their bytes', () => {
  const one = Batch.of(a).and(b, 1).and(c, 1);
  const other = Batch.of(a).and(b, 1).and(c, 1);
  expect(other).toBe(one);
  expect(Batch.of(a).and(c, 1)).not.toBe(one);
  expect(Batch.of(a).and(c, 1)).toBe(Batch.of(a).and(c, 1));
  expect(one.text).toBe('{"a":1}\n{"b":"ä"}\n{}');
});

test('another turn begins anew', () => {
  const before = Batch.of(a).and(b, 1);
  expect(Batch.of(a).and(b, 2)).not.toBe(before);
  expect(before.text).toBe('{"a":1}\n{"b":"ä"}');
});

test.each([5, 125, 126, 65_535, 65_536, 70_000])(
  'a frame of %i bytes says how long it is',
  (bytes) => {
    const { frame, text } = Batch.of(new Line(JSON.stringify('x'.repeat(bytes - 2))));
    const header = bytes < 126 ? 2 : bytes < 65_536 ? 4 : 10;
    expect(frame[0]).toBe(0x81);
    expect(frame).toHaveLength(header + bytes);
    expect(frame.subarray(header).toString()).toBe(text);
    const length =
      header === 2
        ? frame[1]
        : header === 4
          ? frame.readUInt16BE(2)
          : Number(frame.readBigUInt64BE(2));
    expect(length).toBe(bytes);
  },
);

test('as a stream each line has its newline, as events each is one', () => {
  const batch = Batch.of(a).and(c, 1);
  expect(batch.stream.toString()).toBe('{"a":1}\n{}\n');
  expect(batch.events.toString()).toBe('data: {"a":1}\n\ndata: {}\n\n');
});
