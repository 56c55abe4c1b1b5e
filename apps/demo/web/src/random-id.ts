/** 32 hexadecimal digits that nobody guesses and nothing else has. */
export function randomId(): string {
  // randomUUID exists on HTTPS and localhost only
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
