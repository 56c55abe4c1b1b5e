import { createConnection, type Socket } from 'node:net';

/** What one frame is made of. Left out: what makes a good text frame. */
export interface FrameParts {
  readonly isFinal?: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly reserved?: number;
  readonly opcode?: number;
  readonly isMasked?: boolean;
  /** What the header says of the payload's length. Default: the truth. */
  readonly announced?: bigint;
}

/** The opcodes that the protocol knows. */
export const opcodes = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

const MASK = Buffer.from([0x5a, 0xa5, 0x3c, 0xc3]);

/** One frame, byte by byte, whatever it is good for. */
export function frameOf(payload: Buffer | string, parts: FrameParts = {}): Buffer {
  const { isFinal = true, reserved = 0, opcode = opcodes.text, isMasked = true } = parts;
  const bytes = Buffer.from(payload);
  const length = lengthOf(parts.announced ?? BigInt(bytes.length), isMasked);
  const head = Buffer.from([(isFinal ? 0x80 : 0) | (reserved << 4) | opcode]);
  return Buffer.concat([head, length, ...(isMasked ? [MASK, masked(bytes)] : [bytes])]);
}

/** A close frame. */
export function closeFrameOf(code: number, reason: Buffer | string = ''): Buffer {
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
  return frameOf(payload, { opcode: opcodes.close });
}

/** A message in so many fragments. */
export function fragmentsOf(text: string, count: number): Buffer {
  const size = Math.ceil(text.length / count);
  const frames = Array.from({ length: count }, (_, n) =>
    frameOf(text.slice(n * size, (n + 1) * size), {
      isFinal: n === count - 1,
      opcode: n === 0 ? opcodes.text : opcodes.continuation,
    }),
  );
  return Buffer.concat(frames);
}

function lengthOf(length: bigint, isMasked: boolean): Buffer {
  const mask = isMasked ? 0x80 : 0;
  if (length < 126n) return Buffer.from([mask | Number(length)]);
  if (length < 65_536n) {
    const bytes = Buffer.from([mask | 126, 0, 0]);
    bytes.writeUInt16BE(Number(length), 1);
    return bytes;
  }
  const bytes = Buffer.alloc(9, mask | 127);
  bytes.writeBigUInt64BE(length, 1);
  return bytes;
}

function masked(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, at) => byte ^ (MASK[at % MASK.length] ?? 0)));
}

/** How a raw socket connects. */
export interface RawSocketOptions {
  /** Where it comes from: on Linux any of 127.0.0.0/8. */
  readonly localAddress?: string;
  /** Takes the text frames, which are kept otherwise. */
  readonly onText?: (text: string) => void;
}

/** A TCP connection on which everything is written by hand. */
export class RawSocket {
  readonly tcp: Socket;
  /** Of the answer to the upgrade; `null`: there was none. */
  status: number | null = null;
  /** Its head, as it came. */
  answer = '';
  /** The code of the server's close frame; `null`: there was none. */
  closeCode: number | null = null;
  /** The text frames that came, in their order. */
  readonly texts: string[] = [];
  readonly #closed = Promise.withResolvers<void>();
  readonly #path: string;
  readonly #onText: (text: string) => void;
  readonly #waiting: (() => void)[] = [];
  #unread: Buffer = Buffer.alloc(0);

  constructor(url: string, { localAddress, onText }: RawSocketOptions = {}) {
    const { hostname, port, pathname, search } = new URL(url);
    this.#path = pathname + search;
    this.#onText = onText ?? ((text) => this.texts.push(text));
    this.tcp = createConnection({
      port: Number(port),
      host: hostname,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    this.tcp.setNoDelay(true);
    this.tcp.on('data', (bytes: Buffer) => this.#read(bytes));
    this.tcp.on('error', () => {}); // a reset is as good as an end
    this.tcp.on('close', () => this.#closed.resolve());
    this.tcp.on('close', () => this.#wake());
  }

  /** Asks for the upgrade with more headers, if given; resolves when it is answered. */
  async upgrade(headers = ''): Promise<this> {
    this.tcp.write(
      `GET ${this.#path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n` +
        'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`,
    );
    while (this.status === null && !this.tcp.destroyed) await this.#change();
    return this;
  }

  /** Upgrades and sends the connect command; resolves when it is answered. */
  async connect(token: string): Promise<this> {
    await this.upgrade();
    this.write(frameOf(JSON.stringify({ id: 1, connect: { token } })));
    while (this.texts.length === 0 && !this.tcp.destroyed) await this.#change();
    return this;
  }

  write(...chunks: (Buffer | string)[]): void {
    for (const chunk of chunks) this.tcp.write(chunk);
  }

  /** Resolves with the code of the close frame when the connection is gone. */
  async closed(): Promise<number | null> {
    await this.#closed.promise;
    return this.closeCode;
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #read(bytes: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, bytes]);
    if (this.status === null) this.#readAnswer();
    if (this.status === 101) while (this.#readFrame());
    this.#wake();
  }

  #readAnswer(): void {
    const end = this.#unread.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.answer = this.#unread.subarray(0, end).toString();
    this.status = Number(this.answer.slice(9, 12));
    this.#unread = this.#unread.subarray(end + 4);
  }

  /** `false`: there is no whole frame. A close frame is answered, and what follows it ignored. */
  #readFrame(): boolean {
    const found = readFrame(this.#unread);
    if (!found) return false;
    this.#unread = this.#unread.subarray(found.size);
    if (found.opcode === opcodes.text) this.#onText(found.payload.toString());
    if (found.opcode === opcodes.close && this.closeCode === null) {
      this.closeCode = found.payload.length < 2 ? 1005 : found.payload.readUInt16BE(0);
      this.tcp.end(closeFrameOf(1000));
    }
    return true;
  }
}

/** The first of a server's frames in these bytes, if it is whole. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; size: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes.readUInt8(1);
  const from = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < from) return null;
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < from + length) return null;
  const payload = bytes.subarray(from, from + length);
  return { opcode: bytes.readUInt8(0) & 0x0f, payload, size: from + length };
}

/** What an honest client sends: a fuzzer's frames begin as one of these. */
const RECORDED = [
  '{}',
  '{"id":2,"subscribe":{"channel":"chat:1","recover":true,"epoch":"x","offset":3}}',
  '{"id":3,"publish":{"channel":"chat:1","data":{"type":"message","data":{"text":"grüß dich"}}}}',
  '{"id":4,"history":{"channel":"chat:1","limit":10}}',
  '{"id":5,"unsubscribe":{"channel":"chat:1"}}',
  '{"id":6,"rpc":{"method":"ask","data":[1,2,{"a":null}]}}\n{"id":7,"presence":{"channel":"chat:1"}}',
] as const;

const LENGTHS = [
  0n,
  1n,
  125n,
  126n,
  127n,
  65_535n,
  65_536n,
  65_537n,
  2n ** 40n,
  2n ** 63n,
] as const;
const EXTENDED = 0.05;

/** A frame as a fuzzer makes it: mostly well-formed, then with a wrong part or some bits flipped. */
export function fuzzedFrame(random: () => number): Buffer {
  const frame = frameOf(payloadFor(random), partsFor(random));
  return random() < 0.3 ? flipBits(frame, random) : frame;
}

function payloadFor(random: () => number): Buffer | string {
  const choice = random();
  if (choice < 0.7) return pick(RECORDED, random);
  if (choice < 0.8) return Buffer.from(Array.from({ length: 20 }, () => random() * 256));
  if (choice < 0.9) return 'x'.repeat(random() * 200);
  return choice < 0.98 ? '' : 'x'.repeat(random() * 70_000);
}

function partsFor(random: () => number): FrameParts {
  const isOdd = () => random() < EXTENDED;
  return {
    isFinal: random() > 0.15,
    isMasked: !isOdd(),
    opcode: random() < 0.3 ? Math.floor(random() * 16) : opcodes.text,
    ...(isOdd() ? { reserved: Math.floor(random() * 8) } : {}),
    ...(isOdd() ? { announced: pick(LENGTHS, random) } : {}),
  };
}

function flipBits(frame: Buffer, random: () => number): Buffer {
  const flipped = Buffer.from(frame);
  // Most of what can go wrong is in the first bytes.
  for (let flips = 1 + Math.floor(random() * 3); flips > 0; flips -= 1) {
    const at = Math.floor(random() * Math.min(flipped.length, random() < 0.7 ? 14 : Infinity));
    flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return flipped;
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)];
}
