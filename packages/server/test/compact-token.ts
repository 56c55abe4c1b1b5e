/** A part of a token: JSON in base64url. */
export function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A JSON Web Token as it travels, signed however one likes: also one that no library would make. */
export function compactToken(
  header: object,
  claims: object,
  signatureOf: (text: string) => Uint8Array,
): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${Buffer.from(signatureOf(text)).toString('base64url')}`;
}
