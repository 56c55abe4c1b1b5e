const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text that these bytes stand for; `null`: none. */
export function decodeUtf8(bytes: ArrayBuffer | Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
