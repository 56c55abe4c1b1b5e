import { setTimeout as sleep } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';
import {
  closeFrameOf,
  fragmentsOf,
  frameOf,
  fuzzedFrame,
  opcodes,
} from '../../packages/server/test/hostile-frames.ts';
import { type Attack, crew, enter, PACE_MS, type Target } from './attack.ts';

const FRAMES_PER_SESSION = 8;

/** Of the WebSocket, of the protocol, the peer's own, and what a good frame is answered with. */
const EXPECTED = [
  ...['1002', '1005', '1007', '1008', '1009', '3013', '3501', '3509'],
  ...['error 103', 'error 104', 'error 108', 'went unharmed'],
];

/** T31: frames that no client sends. */
export const frameFuzz: readonly Attack[] = [
  {
    name: 'Frame fuzz: a grammar with wrong parts and flipped bits, 350 sessions/s',
    expected: EXPECTED,
    run: async (target) => await crew(target, 8, (n) => fuzz(target, n)),
  },
  {
    name: 'The same, 900 sessions/s for half a minute',
    expected: EXPECTED,
    durationMs: 30_000,
    rounds: 1,
    run: async (target) => await crew(target, 20, (n) => fuzz(target, n)),
  },
  {
    name: 'One each of 20 hostile frames, again and again',
    expected: ['1002', '1007', '1008', '1009', '3501'],
    run: async (target) => await crew(target, 8, (n) => sendEach(target, n)),
  },
];

async function fuzz(target: Target, n: number): Promise<void> {
  for (let session = 0; session < 50 && !target.isOver(); session += 1) {
    await sleep(PACE_MS);
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) continue;
    const frames = Array.from({ length: FRAMES_PER_SESSION }, () => fuzzedFrame(target.random));
    target.spend(FRAMES_PER_SESSION);
    socket.tcp.end(Buffer.concat(frames));
    if ((await socket.closed()) === null) target.count('went unharmed');
  }
}

const text = '{"id":2,"rpc":{"method":"echo"}}';

/** With the code that each is answered with. */
const hostile: readonly (readonly [Buffer, number])[] = [
  [frameOf(text, { isMasked: false }), 1002],
  [frameOf(text, { reserved: 4 }), 1002],
  [frameOf(text, { reserved: 1 }), 1002],
  [frameOf(text, { opcode: 3 }), 1002],
  [frameOf(text, { opcode: 15 }), 1002],
  [frameOf(text, { opcode: opcodes.continuation }), 1002],
  [frameOf('x', { opcode: opcodes.ping, isFinal: false }), 1002],
  [frameOf('x'.repeat(126), { opcode: opcodes.ping }), 1002],
  [closeFrameOf(999), 1002],
  [frameOf('x', { opcode: opcodes.close }), 1002],
  [closeFrameOf(1000, Buffer.from([0xff])), 1007],
  [frameOf(Buffer.from([0xed, 0xa0, 0x80])), 1007],
  [frameOf('x', { announced: 65_537n }), 1009],
  [frameOf('x', { announced: 2n ** 40n }), 1009],
  [frameOf('x', { announced: 2n ** 62n }), 1009],
  [fragmentsOf('x'.repeat(65_537), 60), 1009],
  [fragmentsOf('', 65), 1008],
  [frameOf(deflateRawSync('x'.repeat(1e6)), { reserved: 4 }), 1002],
  [frameOf(''), 3501],
  [frameOf(Buffer.from([0xff]), { opcode: opcodes.binary }), 3501],
];

async function sendEach(target: Target, n: number): Promise<void> {
  for (const [bytes, expected] of hostile) {
    if (target.isOver()) return;
    await sleep(PACE_MS);
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) continue;
    target.spend();
    socket.write(bytes);
    const code = await socket.closed();
    if (code !== expected) target.count(`WRONG: ${code} for ${expected}`);
  }
}
