import { setTimeout as sleep } from 'node:timers/promises';
import { frameOf } from '../../packages/server/test/hostile-frames.ts';
import { type Attack, commandFrame, crew, enter, socketFrom, type Target } from './attack.ts';

/** S1–S6 and S32: what is refused before anybody is authenticated. */
export const door: readonly Attack[] = [
  handshakes('S1 A foreign origin', 403, 'Origin: https://evil.test\r\n'),
  handshakes('S1 An origin that begins alike', 403, 'Origin: http://x.evil.test\r\n'),
  handshakes('S1 The origin `null`', 403, 'Origin: null\r\n'),
  handshakes('S2 A cookie and no origin', 403, 'Cookie: session=1\r\n'),
  handshakes('S5 A token in the URL', 400, '', '?access_token=secret'),
  handshakes('S26 Compression offered', 101, 'Sec-WebSocket-Extensions: permessage-deflate\r\n'),
  handshakes('S32 Headers of 9 KB', 431, `X-Long: ${'x'.repeat(9_000)}\r\n`),
  handshakes('S32 2,500 headers', 431, 'X-Many: 1\r\n'.repeat(2_500)),
  handshakes('Protobuf alone', 400, 'Sec-WebSocket-Protocol: centrifuge-protobuf\r\n'),
  {
    name: 'S3 Connected and silent',
    expected: ['HTTP 101', '3502'],
    durationMs: 7_000,
    rounds: 1,
    isShared: true,
    run: async (target) => {
      await Promise.all(Array.from({ length: 20 }, (_, n) => stayAndListen(target, n)));
    },
  },
  talk('S4 A command before the connect', commandFrame({ id: 1, rpc: { method: 'echo' } })),
  talk('S4 Garbage instead of a connect', frameOf('hello')),
  {
    name: 'S4 A second connect',
    expected: ['3501'],
    durationMs: 1_500,
    rounds: 1,
    isShared: true,
    run: async (target) =>
      await crew(target, 4, async (n) => {
        const socket = await enter(target, `evil/u${n}`, n);
        target.spend();
        socket?.write(commandFrame({ id: 2, connect: { token: 'evil/other' } }));
        await socket?.closed();
      }),
  },
];

/** The same handshake again and again. */
function handshakes(name: string, status: number, headers: string, query = ''): Attack {
  return {
    name,
    expected: [`HTTP ${status}`],
    durationMs: 1_500,
    rounds: 1,
    isShared: true,
    run: async (target) =>
      await crew({ ...target, url: target.url + query }, 8, async (n) => {
        const socket = socketFrom({ ...target, url: target.url + query }, n);
        target.spend();
        await socket.upgrade(headers);
        const isCompressed = /^sec-websocket-extensions/im.test(socket.answer);
        target.count(`HTTP ${socket.status ?? 'cut'}${isCompressed ? ', WRONG: compressed' : ''}`);
        socket.tcp.destroy();
      }),
  };
}

async function stayAndListen(target: Target, n: number): Promise<void> {
  const socket = socketFrom(target, n);
  target.spend();
  await socket.upgrade();
  target.count(`HTTP ${socket.status ?? 'cut'}`);
  const code = await Promise.race([socket.closed(), sleep(6_500, 'never closed')]);
  target.count(String(code));
  socket.tcp.destroy();
}

function talk(name: string, bytes: Buffer): Attack {
  return {
    name,
    expected: ['3501'],
    durationMs: 1_500,
    rounds: 1,
    isShared: true,
    run: async (target) =>
      await crew(target, 4, async (n) => {
        const socket = socketFrom(target, n);
        await socket.upgrade();
        target.spend();
        socket.write(bytes);
        target.count(String(await socket.closed()));
      }),
  };
}
