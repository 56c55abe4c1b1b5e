// JSON from strangers: looked at before it is parsed, checked after, and cut without printing it anew.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const SPACE = 0x20;
const OPENERS: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSERS: ReadonlySet<number> = new Set([0x5d, 0x7d]);
/** Keys that make an object of the app's something else when it copies ours carelessly. */
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
/** Text without any of these holds no forbidden key: most of it is not looked at twice. */
const SUSPICIOUS = /"(?:__proto__|constructor|prototype)"|\\u/;

/** What a text says; `undefined`: it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Is it an object, or at least a list? */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The fields of an object; of what is none, none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/**
 * Is this text nested deeper than that? A scan, because a parser would first build it all, and what
 * it has built from 10 KB of brackets cannot be printed any more.
 */
export function isDeeper(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (OPENERS.has(code)) depth += 1;
    else if (CLOSERS.has(code)) depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** Does a value, made from this text, hold a forbidden key? Those of `except` itself do not count. */
export function hasForbiddenKey(value: unknown, text: string, except: unknown): boolean {
  return SUSPICIOUS.test(text) && holdsForbiddenKey(value, except);
}

function holdsForbiddenKey(value: unknown, except: unknown): boolean {
  if (!isObject(value)) return false;
  if (Array.isArray(value)) return value.some((item) => holdsForbiddenKey(item, except));
  return Object.keys(value).some(
    (key) => (value !== except && FORBIDDEN.has(key)) || holdsForbiddenKey(value[key], except),
  );
}

/**
 * The exact text of an object's member: parsed and printed again, large integers would be others.
 * The text must be valid JSON. The last of two equal keys counts, as it does for `JSON.parse`.
 */
export function memberText(text: string, name: string): string | undefined {
  let found: string | undefined;
  let at = skipSpace(text, 0) + 1;
  while (at < text.length) {
    const keyFrom = skipSpace(text, at);
    if (text.charCodeAt(keyFrom) !== QUOTE) return found; // the object's end
    const keyTo = endOfString(text, keyFrom);
    const from = skipSpace(text, skipSpace(text, keyTo) + 1);
    const to = endOfValue(text, from);
    if (isKey(text.slice(keyFrom, keyTo), name)) found = text.slice(from, to);
    at = skipSpace(text, to) + 1;
  }
  return found;
}

function endOfValue(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === QUOTE) return endOfString(text, from);
  if (OPENERS.has(first)) return endOfNested(text, from);
  let at = from;
  while (at < text.length && !isEndOfScalar(text.charCodeAt(at))) at += 1;
  return at;
}

function isEndOfScalar(code: number): boolean {
  return code === COMMA || code <= SPACE || CLOSERS.has(code);
}

/** Is this quoted text that name, however it is spelt? Few are worth parsing. */
function isKey(quoted: string, name: string): boolean {
  return quoted.includes('\\') ? JSON.parse(quoted) === name : quoted === `"${name}"`;
}

function endOfNested(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (OPENERS.has(code)) depth += 1;
    else if (CLOSERS.has(code)) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** Just behind the quote that ends the string which begins here. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at + 1;
  }
  return text.length;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= SPACE) at += 1;
  return at;
}
