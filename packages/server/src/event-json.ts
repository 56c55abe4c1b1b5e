import type { Envelope } from '@trunkline/contract';

/** What is nested deeper is looked at while it is printed. */
const MAX_PLAIN_DEPTH = 32;

/** The event's data has no JSON form. The message names the place. */
export class EventNotSerialisableError extends TypeError {
  override readonly name = 'EventNotSerialisableError';
  readonly code = 'EVENT_NOT_SERIALISABLE';
}

/** Prints an envelope as JSON. Throws `EventNotSerialisableError` where that would lose something. */
export function serialise(type: string, envelope: Envelope): string {
  try {
    // What is plain through and through needs no looking at while it is printed: that costs far more.
    return isPlain(envelope, MAX_PLAIN_DEPTH) ? JSON.stringify(envelope) : checkedJson(envelope);
  } catch (cause) {
    const where = locate({ data: envelope.data, metadata: envelope.metadata });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EventNotSerialisableError(
      `Event ${type} cannot be serialised at ${where}: ${reason}`,
      { cause },
    );
  }
}

function checkedJson(envelope: Envelope): string {
  return JSON.stringify(envelope, (_key, value: unknown) => {
    if (isUnserialisable(value)) throw new TypeError(`${typeOf(value)} has no JSON form`);
    return value;
  });
}

/** Is it made of nothing but primitives with a JSON form, arrays and mere objects? */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value !== 'object') return !isUnserialisable(value);
  if (value === null) return true;
  if (depth === 0) return false;
  if ('toJSON' in value) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth - 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const key in value) {
    if (!isPlain((value as Record<string, unknown>)[key], depth - 1)) return false;
  }
  return true;
}

// The search may fail like the serialising did: on a getter that throws, on endless depth.
function locate(content: object): string {
  try {
    return findUnserialisable(content, new Set(), '') ?? 'data';
  } catch {
    return 'data';
  }
}

/** The path of the first value that JSON cannot hold, a circular reference included. */
function findUnserialisable(value: unknown, parents: Set<object>, path: string): string | null {
  if (isUnserialisable(value)) return path;
  if (typeof value !== 'object' || value === null) return null;
  if (parents.has(value)) return path;
  parents.add(value);
  for (const [key, child] of Object.entries(value)) {
    const childPath = Array.isArray(value) ? `${path}[${key}]` : path ? `${path}.${key}` : key;
    const found = findUnserialisable(child, parents, childPath);
    if (found) return found;
  }
  parents.delete(value);
  return null;
}

// JSON.stringify would drop functions and symbols and print {} for a Map, in silence.
function isUnserialisable(value: unknown): boolean {
  return (
    typeof value === 'bigint' ||
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    value instanceof Map ||
    value instanceof Set
  );
}

function typeOf(value: unknown): string {
  return value instanceof Map ? 'a Map' : value instanceof Set ? 'a Set' : `a ${typeof value}`;
}
