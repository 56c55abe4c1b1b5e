/** Escapes of what Postgres keeps in no JSON: NUL, and half a surrogate pair. A backslash before is its own. */
const UNKEPT = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/** A value as JSON text for a `jsonb` column; `null`: there is none, which is not the JSON `null`. */
export function toJson(value: unknown): string | null {
  const text = JSON.stringify(value) as string | undefined;
  // one in a user's file must not fail the whole operation
  return text === undefined ? null : text.replaceAll(UNKEPT, '$1\\ufffd');
}

/** A text of at most so many characters, without what Postgres cannot keep. */
export function toText(value: string, maxLength: number): string {
  const text = value.toWellFormed().replaceAll('\0', '\ufffd');
  if (text.length <= maxLength) return text;
  const cut = text.slice(0, maxLength - 1);
  return `${cut.isWellFormed() ? cut : cut.slice(0, -1)}…`;
}
