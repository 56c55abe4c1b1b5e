import { connect, type Socket } from 'node:net';
import { NUMBER_WIDTH } from '../servers/event.ts';
import type { Crowd } from './crowd.ts';
import { maskedPong, maskedText, opcodes } from './frames.ts';
import type { Protocol } from './protocol.ts';

/** What stands before an event's number, wherever a protocol puts the event. */
const MARKER = Buffer.from('"n":"');
const HEAD_END = Buffer.from('\r\n\r\n');
/** All sockets read into it, one after the other: what is left over of a frame is copied. */
const readBuffer = Buffer.allocUnsafe(256 * 1024);

/**
 * One client, as light as it can be: bytes of the socket are looked at where they lie, and an event
 * is counted without being parsed.
 */
export class Connection {
  readonly token: string;
  /** The number of the room or the user whose events it hears. */
  stream = 0;
  /** It will be cut, and come back for what it missed. */
  comesBack = false;
  isJoined = false;
  /** The number of the last event: the next one must be one more. */
  last = 0;
  /** What the protocol wants to remember. */
  memory: unknown = null;
  readonly #crowd: Crowd;
  readonly #protocol: Protocol;
  #socket: Socket | null = null;
  #isOpen = false;
  #rest: Buffer | null = null;
  /** Where the number stands, from the event's first byte on: the same each time, once it is known. */
  #numberAt = MARKER.length;

  constructor(crowd: Crowd, protocol: Protocol, token: string) {
    this.#crowd = crowd;
    this.#protocol = protocol;
    this.token = token;
  }

  open(port: number): void {
    this.isJoined = false;
    this.#isOpen = false;
    this.#rest = null;
    this.#numberAt = MARKER.length;
    const socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length, buffer) => this.#read(buffer, length) },
    });
    this.#socket = socket;
    socket.on('error', (error) => this.#lost(socket, error.message));
    socket.on('close', () => this.#lost(socket, 'closed'));
    socket.write(upgradeOf(this.#protocol.pathOf(this.token), port));
  }

  send(text: string): void {
    this.#socket?.write(maskedText(text));
  }

  sendFrame(frame: Buffer): void {
    this.#socket?.write(frame);
  }

  /** Lets what comes lie in the kernel. */
  pause(): void {
    this.#socket?.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#socket?.resume();
  }

  /** Cuts it, as a lost network does. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.isJoined = false;
    socket?.resetAndDestroy();
  }

  joined(): void {
    this.isJoined = true;
    this.#crowd.joined();
  }

  problem(what: string): void {
    this.#crowd.problem(what);
  }

  /** Counts the event that lies there; `false`: there is none. */
  heard(buffer: Buffer, start: number, end: number): boolean {
    let at = start + this.#numberAt;
    if (!hasMarker(buffer, at)) {
      const found = buffer.subarray(0, end).indexOf(MARKER, start);
      if (found === -1) return false;
      at = found + MARKER.length;
      this.#numberAt = at - start;
    }
    let n = 0;
    for (let digit = 0; digit < NUMBER_WIDTH; digit += 1)
      n = n * 10 + (buffer[at + digit] ?? 0) - 48;
    if (n !== this.last + 1) this.problem(n > this.last ? 'lost' : 'repeated');
    this.last = n;
    this.#crowd.heard(n, this.stream);
    return true;
  }

  #read(chunk: Uint8Array, length: number): boolean {
    let buffer = chunk as Buffer;
    let end = length;
    if (this.#rest) {
      buffer = Buffer.concat([this.#rest, buffer.subarray(0, length)]);
      end = buffer.length;
      this.#rest = null;
    }
    const start = this.#isOpen ? 0 : this.#readHead(buffer, end);
    const next = this.#isOpen ? this.#readFrames(buffer, start, end) : start;
    if (next < end) this.#rest = Buffer.from(buffer.subarray(next, end));
    this.#crowd.caughtUp();
    return true;
  }

  #readHead(buffer: Buffer, end: number): number {
    const headEnd = buffer.subarray(0, end).indexOf(HEAD_END);
    if (headEnd === -1) return 0;
    const head = buffer.toString('latin1', 0, headEnd);
    if (!head.startsWith('HTTP/1.1 101')) this.problem(`refused: ${head.split('\r\n')[0]}`);
    this.#isOpen = true;
    this.#protocol.opened(this);
    return headEnd + HEAD_END.length;
  }

  /** Gives where the first frame begins that has not come as a whole. */
  #readFrames(buffer: Buffer, start: number, end: number): number {
    let position = start;
    while (position + 2 <= end) {
      let length = buffer[position + 1] ?? 0;
      let payload = position + 2;
      if (length === 126) {
        payload += 2;
        if (payload > end) break;
        length = buffer.readUInt16BE(position + 2);
      } else if (length === 127) {
        payload += 8;
        if (payload > end) break;
        length = buffer.readUInt32BE(position + 6);
      }
      if (payload + length > end) break;
      this.#readFrame(buffer[position] ?? 0, buffer, payload, payload + length);
      position = payload + length;
    }
    return position;
  }

  #readFrame(first: number, buffer: Buffer, start: number, end: number): void {
    const opcode = first & 0x0f;
    if (opcode === opcodes.text) this.#protocol.received(this, buffer, start, end);
    else if (opcode === opcodes.ping) this.sendFrame(maskedPong(buffer.subarray(start, end)));
    else if (opcode === opcodes.close) this.problem(closeText(buffer, start, end));
    else this.problem(`frame with opcode ${opcode}`);
  }

  #lost(socket: Socket, why: string): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#crowd.lost(this, this.#isOpen ? why : `not let in: ${why}`);
  }
}

function hasMarker(buffer: Buffer, at: number): boolean {
  return buffer[at - 5] === 0x22 && buffer[at - 4] === 0x6e && buffer[at - 1] === 0x22;
}

function closeText(buffer: Buffer, start: number, end: number): string {
  if (end - start < 2) return 'closed by the server';
  return `closed with ${buffer.readUInt16BE(start)} ${buffer.toString('utf8', start + 2, end)}`;
}

function upgradeOf(path: string, port: number): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n');
}
