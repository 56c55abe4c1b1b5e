import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { hostileFrames } from '../../packages/server/test/hostile-commands.ts';
import { frameOf } from '../../packages/server/test/hostile-frames.ts';
import { type Attack, crew, enter, PACE_MS, provoke, type Target } from './attack.ts';

const MAX_FRAME = 65_536;

/** T32: commands that no client sends. */
export const commandFuzz: readonly Attack[] = [
  {
    name: 'Command fuzz: fields, types, ids, nesting, duplicates, garbage',
    expected: [
      ...['1009', '3013', '3501', '3509', 'stayed connected'],
      ...[103, 104, 105, 106, 107, 108, 111, 112].map((code) => `error ${code}`),
    ],
    durationMs: 4_000,
    run: fuzz,
  },
  same('JSON of depth 64', nested(64), '3501'),
  same('JSON of depth 5,000', nested(5_000), '3501'),
  same('JSON of depth 30,000', nested(30_000), '3501'),
  same(
    '10,000 commands in one frame',
    Array.from({ length: 10_000 }, () => '{}').join('\n'),
    '3501',
  ),
  same(
    '`__proto__` in a payload',
    '{"id":2,"rpc":{"method":"echo","data":{"__proto__":{"a":1}}}}',
    '3501',
  ),
  same('A channel name of 60,000 characters', subscribeTo('x'.repeat(60_000)), 'error 107'),
  same('A channel name of 1 MB', subscribeTo('x'.repeat(1_000_000)), '1009'),
  same('An object of 6,000 keys, one of them suspicious', wide(6_000, '"protocol":1')),
  same('A publish of 6,000 members', publishOf(6_000), 'error 103'),
  same('A publish of one 60,000-digit number', digits(60_000), 'error 103'),
  same('190 commands in 64 KiB', many(190), 'error 111'),
];

async function fuzz(target: Target): Promise<void> {
  const seed = Math.floor(target.random() * 2 ** 31);
  const frames = fc.sample(hostileFrames, { numRuns: 2_000, seed });
  await crew(target, 8, async (n) => {
    for (let at = n; at < frames.length && !target.isOver(); at += 8) {
      await sleep(PACE_MS);
      const socket = await enter(target, `evil/u${n}`, n);
      if (!socket) continue;
      await provoke(target, socket, frameOf(frames[at] ?? ''));
    }
  });
}

/** The same frame from new connections: what one of it costs. */
function same(name: string, frame: string, answered?: string): Attack {
  return {
    name,
    expected: ['stayed connected', ...(answered === undefined ? [] : [answered])],
    durationMs: 2_000,
    rounds: 1,
    isShared: true,
    run: async (target) => await crew(target, 8, (n) => send(target, n, frame)),
  };
}

async function send(target: Target, n: number, frame: string): Promise<void> {
  const socket = await enter(target, `evil/u${n}`, n);
  if (socket) await provoke(target, socket, frameOf(frame));
}

function subscribeTo(channel: string): string {
  return JSON.stringify({ id: 2, subscribe: { channel } });
}

function nested(depth: number): string {
  return `{"id":2,"rpc":{"method":"echo","data":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
}

function wide(keys: number, last: string): string {
  const members = Array.from({ length: keys }, (_, n) => `"k${n}":1`).join(',');
  return `{"id":2,"rpc":{"method":"echo","data":{${members},${last}}}}`.slice(0, MAX_FRAME);
}

function publishOf(members: number): string {
  const fields = Array.from({ length: members }, (_, n) => `"k${n}":1`).join(',');
  return `{"id":2,"publish":{"channel":"chat:1",${fields},"data":1}}`;
}

function digits(count: number): string {
  return `{"id":2,"publish":{"channel":"chat:1","x":${'1'.repeat(count)},"data":1}}`;
}

function many(count: number): string {
  const data = 'x'.repeat(Math.floor(MAX_FRAME / count) - 60);
  return Array.from(
    { length: count },
    (_, n) => `{"id":${n + 2},"rpc":{"method":"echo","data":"${data}"}}`,
  ).join('\n');
}
