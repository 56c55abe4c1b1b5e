import type { Limits } from '../limits.ts';
import { isObject, parseJson } from '../protocol/json.ts';

/** What a node has others do. */
export interface Command {
  /** The node that says it. */
  readonly from: string;
  /** What it is about: nothing but what is registered for a kind is ever done. */
  readonly kind: string;
  readonly data: unknown;
}

/** To all nodes, kept: to be carried out, and confirmed. */
export interface Order extends Command {
  readonly type: 'order';
  readonly id: string;
}

/** To all nodes, not kept: who misses it misses nothing that it would not find out. */
export interface Notice extends Command {
  readonly type: 'notice';
}

/** To one node: to be answered. */
export interface Question extends Command {
  readonly type: 'question';
  readonly id: string;
}

/** What became of an order or a question. */
export interface Answer {
  readonly type: 'answer';
  readonly from: string;
  /** The id of what is answered. */
  readonly to: string;
  readonly data?: unknown;
  /** Why it could not be done. */
  readonly error?: string;
}

/** What one node says to another. */
export type ClusterMessage = Order | Notice | Question | Answer;

/** What a message has besides the data that it carries. */
const ENVELOPE_LENGTH = 4_096;
const NAME = /^[\w-]{1,64}$/;

/**
 * How many characters a message may have. What is said to a user is JSON text, and has twice as many as a
 * string in JSON; what a client has said was one already when it was measured.
 */
export function maxLengthOf({
  maxMessageBytes,
  maxEventBytes,
}: Pick<Limits, 'maxMessageBytes' | 'maxEventBytes'>): number {
  return Math.max(maxMessageBytes, 2 * maxEventBytes) + ENVELOPE_LENGTH;
}

/** A message as it travels. Throws a `RangeError` for one that no node would take. */
export function encodeMessage(message: ClusterMessage, maxLength: number): string {
  const text = JSON.stringify(message);
  if (text.length <= maxLength) return text;
  throw new RangeError(
    `A message to other nodes has at most ${maxLength} characters, got ${text.length}: say less, or raise limits.maxEventBytes on all nodes`,
  );
}

/** Reads what has come through the broker; whoever has put it there, it is data. `null`: it is no message. */
export function parseMessage(text: string, maxLength: number): ClusterMessage | null {
  const message = text.length <= maxLength ? parseJson(text) : null;
  return isObject(message) && isMessage(message) ? (message as unknown as ClusterMessage) : null;
}

function isMessage({ type, from, id, kind, to, error }: Record<string, unknown>): boolean {
  if (!isName(from)) return false;
  switch (type) {
    case 'order':
    case 'question':
      return isName(id) && isName(kind);
    case 'notice':
      return isName(kind);
    case 'answer':
      return isName(to) && (error === undefined || typeof error === 'string');
    default:
      return false;
  }
}

/** May this be the id of a node or of anything else that nodes speak of? */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}
