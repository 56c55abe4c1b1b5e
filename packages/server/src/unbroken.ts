import type { History, StreamPosition } from './broker/broker.ts';

/** Is everything between a position and the top here? Of an epoch that is not known, `''`, it is assumed to be the stream's. */
export function isUnbroken(
  { top, publications }: History,
  { epoch, offset }: StreamPosition,
): boolean {
  if (epoch !== '' && epoch !== top.epoch) return false;
  const [first] = publications;
  if (!first) return top.offset === offset;
  return first.offset === offset + 1 && publications.at(-1)?.offset === top.offset;
}
