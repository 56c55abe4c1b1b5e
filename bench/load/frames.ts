/** Opcodes of the frames that servers send. */
export const opcodes = { text: 0x1, close: 0x8, ping: 0x9 } as const;

const PONG = 0xa;
const FINAL = 0x80;
const MASKED = 0x80;
/** A mask of zeros leaves the bytes as they are; the server undoes it all the same. */
const MASK = Buffer.alloc(4);

/** A whole text message as a server sends it. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([header(opcodes.text, payload.length, 0), payload]);
}

/** A whole text message as a client sends it. */
export function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([header(opcodes.text, payload.length, MASKED), MASK, payload]);
}

/** The answer to a ping. */
export function maskedPong(payload: Uint8Array): Buffer {
  return Buffer.concat([header(PONG, payload.length, MASKED), MASK, payload]);
}

function header(opcode: number, length: number, mask: number): Buffer {
  if (length < 126) return Buffer.from([FINAL | opcode, mask | length]);
  if (length < 65_536) return Buffer.from([FINAL | opcode, mask | 126, length >> 8, length & 255]);
  const long = Buffer.alloc(10);
  long[0] = FINAL | opcode;
  long[1] = mask | 127;
  long.writeUInt32BE(length, 6);
  return long;
}
