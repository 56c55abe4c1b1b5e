import { setTimeout as sleep } from 'node:timers/promises';
import {
  fragmentsOf,
  frameOf,
  opcodes,
  type RawSocket,
} from '../../packages/server/test/hostile-frames.ts';
import {
  type Attack,
  atRate,
  commandFrame,
  crew,
  enter,
  socketFrom,
  type Target,
  writeAtRate,
} from './attack.ts';
import { goodTokens, signedTokens } from './tokens.ts';

/** T36: whoever wants to be in the way. */
export const denial: readonly Attack[] = [
  { name: '(control: a core burnt, nothing sent)', expected: ['nothing'], run: burn },
  {
    name: 'Slowloris: 2,000 upgrades, a header byte each 500 ms',
    expected: ['HTTP 408'],
    durationMs: 7_500,
    rounds: 1,
    run: slowloris,
  },
  {
    name: 'Silent TCP: 5,000 sockets',
    expected: ['HTTP 408'],
    durationMs: 7_500,
    rounds: 1,
    run: silentTcp,
  },
  {
    name: 'Silent WebSockets: 5,000 from one address',
    expected: ['HTTP 101', 'HTTP 429', '3502'],
    durationMs: 7_000,
    rounds: 1,
    run: async (target) => await silentWebSockets(target, () => 0),
  },
  {
    name: 'Silent WebSockets: 5,000 from 50 addresses',
    expected: ['HTTP 101', 'HTTP 429', 'HTTP 503', '3502', '3013'],
    durationMs: 7_000,
    rounds: 1,
    run: async (target) => await silentWebSockets(target, (n) => n % 50),
  },
  { name: 'Ping flood, no pong is read', expected: ['3013'], run: pingFlood },
  {
    name: '1-byte fragments, 65 to a message',
    expected: ['1008'],
    run: flood('evil', () => fragmentsOf(' '.repeat(65), 65), 200),
  },
  {
    name: '1-byte fragments, good commands',
    expected: ['error 111', '3013'],
    durationMs: 4_000,
    run: flood('evil', inFragments, 200),
  },
  { name: 'A message in 1-byte TCP segments', expected: ['1008'], run: segments },
  {
    name: 'Subscribe and unsubscribe, 20 clients, a room that tells of it',
    expected: ['error 111', '3013'],
    run: flood(
      'evil',
      (id) => {
        const channel = `live:${(id >> 1) % 3}`;
        return commandFrame(
          id % 2 ? { id, unsubscribe: { channel } } : { id, subscribe: { channel } },
        );
      },
      400,
    ),
  },
  {
    name: 'Commands, 20 clients, 400/s each',
    expected: ['error 111', '3013'],
    durationMs: 12_000,
    rounds: 1,
    run: flood('evil', (id) => commandFrame({ id, rpc: { method: 'echo' } }), 400),
  },
  {
    name: 'Unsubscribes, 20 clients, 400/s each',
    expected: ['3013'],
    durationMs: 12_000,
    rounds: 1,
    run: flood('evil', (id) => commandFrame({ id, unsubscribe: { channel: 'chat:1' } }), 400),
  },
  {
    name: 'Refreshes with good tokens, 20 clients, 400/s each',
    expected: ['error 111', '3013'],
    setup: signedTokens,
    run: refreshFlood,
  },
  {
    name: 'Subscribes to forbidden rooms, 20 clients',
    expected: ['error 103', '3509'],
    run: flood('evil', (id) => commandFrame({ id, subscribe: { channel: `closed:${id}` } }), 100),
  },
  {
    name: 'Calls of a method that hangs, 20 clients',
    expected: ['error 100', 'error 111', '3013'],
    durationMs: 6_000,
    rounds: 1,
    run: flood('evil', (id) => commandFrame({ id, rpc: { method: 'hang' } }), 50),
  },
  {
    name: 'The largest messages, 20 clients, 50/s each',
    expected: ['error 111', '3013', '3008'],
    run: flood('evil', (id) => commandFrame({ id, rpc: { method: 'echo', data: largest } }), 50),
  },
  {
    name: 'Connections of one user, 300/s',
    expected: ['3504', 'let in'],
    run: async (target) => await connections(target, 300, () => 'evil/eve'),
  },
  {
    name: 'Connections of one tenant: 5,200',
    expected: ['3504', 'let in', 'HTTP 503'],
    durationMs: 6_000,
    rounds: 1,
    run: async (target) => await connections(target, 1_200, (n) => `evil/u${n}`),
  },
  {
    name: 'Connects and leaves, 500/s',
    expected: ['let in'],
    run: async (target) => await churn(target, 500),
  },
  {
    name: 'Handshakes, 2,500/s',
    expected: ['HTTP 101', 'HTTP 503'],
    durationMs: 5_000,
    run: handshakeFlood,
  },
  {
    name: 'A member publishes 4 KB, 20 clients, 50/s each, all listen',
    expected: ['error 111', '3013'],
    run: publishFlood,
  },
  {
    name: 'Recovery: the largest past (500 KB) again and again, 10 clients',
    expected: ['KB read', '3008', 'error 111'],
    fill: { tenant: 'evil', room: 'past:1', count: 500, bytes: 950 },
    run: recoveries,
  },
  {
    name: 'History: 300 KB by command, 10 clients, 50/s each',
    expected: ['KB read', '3008', 'error 111'],
    fill: { tenant: 'evil', room: 'past:1', count: 500, bytes: 950 },
    run: histories,
  },
  {
    name: 'Readers that stop reading: 20 in a tenant with 64 × 16 KB/s',
    expected: ['3008'],
    publishing: { tenant: 'evil', perSecond: 64, bytes: 16_000 },
    durationMs: 12_000,
    rounds: 1,
    run: stopReading,
  },
];

const largest = Object.fromEntries(Array.from({ length: 4_500 }, (_, n) => [`k${n}`, n]));

function inFragments(id: number): Buffer {
  const text = JSON.stringify({ id, rpc: { method: 'echo' } });
  return fragmentsOf(text, text.length);
}

/** The attacker's own use of the machine, without an attack. */
async function burn(target: Target): Promise<void> {
  while (!target.isOver()) {
    const end = performance.now() + 20;
    while (performance.now() < end);
    await sleep(0);
  }
  target.count('nothing');
}

async function slowloris(target: Target): Promise<void> {
  const sockets = openMany(target, 2_000 * target.scale);
  for (const socket of sockets) socket.write('GET /connection/websocket HTTP/1.1\r\nHost: x\r\nX-');
  while (!target.isOver()) {
    await sleep(500);
    for (const socket of sockets) if (!socket.tcp.destroyed) socket.write('a');
  }
  settle(target, sockets);
}

async function silentTcp(target: Target): Promise<void> {
  const sockets = openMany(target, 5_000 * target.scale);
  while (!target.isOver()) await sleep(100);
  settle(target, sockets);
}

function openMany(target: Target, count: number): RawSocket[] {
  target.spend(count);
  return Array.from({ length: count }, (_, n) => socketFrom(target, n % 50));
}

function settle(target: Target, sockets: readonly RawSocket[]): void {
  for (const socket of sockets) {
    const isOpen = !socket.tcp.destroyed;
    target.count(isOpen ? 'still open' : `HTTP ${socket.status ?? 'cut'}`);
    socket.tcp.destroy();
  }
}

async function silentWebSockets(target: Target, from: (n: number) => number): Promise<void> {
  const sockets: RawSocket[] = [];
  await atRate(target, 1_000 * target.scale, () => {
    if (sockets.length >= 5_000 * target.scale) return;
    const socket = socketFrom(target, from(sockets.length));
    sockets.push(socket);
    target.spend();
    void staySilent(target, socket);
  });
  for (const socket of sockets) socket.tcp.destroy();
}

async function staySilent(target: Target, socket: RawSocket): Promise<void> {
  await socket.upgrade();
  target.count(`HTTP ${socket.status ?? 'cut'}`);
  if (socket.status !== 101) socket.tcp.destroy();
  const code = await socket.closed();
  if (code !== null) target.count(String(code));
}

async function pingFlood(target: Target): Promise<void> {
  await crew(target, 20, async (n) => {
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) return;
    socket.tcp.pause();
    const ping = frameOf('?', { opcode: opcodes.ping });
    const end = performance.now() + 300;
    while (performance.now() < end && !target.isOver()) {
      for (let times = 0; times < 20; times += 1) socket.write(ping);
      target.spend(20);
      await sleep(20);
    }
    socket.tcp.resume();
    await Promise.race([socket.closed(), sleep(200)]);
    socket.tcp.destroy();
  });
}

/** Twenty clients that send at that rate; whoever is thrown out comes back. */
function flood(
  tenant: string,
  next: (id: number) => Buffer,
  perSecond: number,
): (target: Target) => Promise<void> {
  return async (target) =>
    await crew(target, 20, async (n) => {
      const socket = await enter(target, `${tenant}/u${n}`, n);
      if (!socket) return;
      let id = 1;
      await writeAtRate(target, socket, perSecond, () => next((id += 1)));
      socket.tcp.destroy();
    });
}

async function segments(target: Target): Promise<void> {
  const message = frameOf('x'.repeat(4_000));
  await crew(target, 5, async (n) => {
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) return;
    for (const byte of message) {
      if (socket.tcp.destroyed || socket.closeCode !== null || target.isOver()) break;
      socket.write(Buffer.from([byte]));
      target.spend();
      await new Promise(setImmediate);
    }
    socket.tcp.destroy();
  });
}

async function refreshFlood(target: Target): Promise<void> {
  await crew(target, 20, async (n) => {
    const tokens = goodTokens(`u${n}`, 20);
    const socket = await enter(target, tokens[0] ?? '', n);
    if (!socket) return;
    let id = 1;
    await writeAtRate(target, socket, 400, () => {
      id += 1;
      return commandFrame({ id, refresh: { token: tokens[id % tokens.length] } });
    });
    socket.tcp.destroy();
  });
}

async function connections(
  target: Target,
  perSecond: number,
  tokenOf: (n: number) => string,
): Promise<void> {
  const open: RawSocket[] = [];
  const enterAndStay = async (n: number) => {
    const socket = await enter(target, tokenOf(n), n % 50);
    if (!socket) return;
    target.count('let in');
    if (target.isOver()) socket.tcp.destroy();
    else open.push(socket);
  };
  let n = 0;
  await atRate(target, perSecond, () => {
    n += 1;
    if (n > 5_200) return;
    target.spend();
    void enterAndStay(n);
  });
  for (const socket of open) socket.tcp.destroy();
}

async function handshakeFlood(target: Target): Promise<void> {
  let n = 0;
  await atRate(target, 2_500, () => {
    n += 1;
    target.spend();
    const socket = socketFrom(target, n % 50);
    void knock(target, socket);
  });
}

async function knock(target: Target, socket: RawSocket): Promise<void> {
  await socket.upgrade();
  target.count(`HTTP ${socket.status ?? 'cut'}`);
  socket.tcp.destroy();
}

async function churn(target: Target, perSecond: number): Promise<void> {
  let n = 0;
  await atRate(target, perSecond, () => {
    n += 1;
    target.spend();
    void comeAndGo(target, n);
  });
}

async function comeAndGo(target: Target, n: number): Promise<void> {
  const socket = await enter(target, `evil/u${n}`, n % 50);
  if (socket) target.count('let in');
  socket?.tcp.destroy();
}

async function publishFlood(target: Target): Promise<void> {
  const data = { text: 'x'.repeat(4_000) };
  await crew(target, 20, async (n) => {
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) return;
    socket.write(commandFrame({ id: 2, subscribe: { channel: 'chat:1' } }));
    let id = 2;
    await writeAtRate(target, socket, 50, () => {
      id += 1;
      return commandFrame({ id, publish: { channel: 'chat:1', data } });
    });
    socket.tcp.destroy();
  });
}

async function recoveries(target: Target): Promise<void> {
  const channel = 'past:1';
  await crew(target, 10, async (n) => {
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) return;
    let id = 1;
    await writeAtRate(target, socket, 40, () => {
      id += 1;
      const subscribe = { channel, recover: true, offset: 0 };
      return commandFrame(id % 2 ? { id, unsubscribe: { channel } } : { id, subscribe });
    });
    target.count('KB read', Math.round(socket.tcp.bytesRead / 1_024));
    socket.tcp.destroy();
  });
}

async function histories(target: Target): Promise<void> {
  await crew(target, 10, async (n) => {
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) return;
    let id = 1;
    await writeAtRate(target, socket, 50, () => {
      id += 1;
      return commandFrame({ id, history: { channel: 'past:1', limit: -1 } });
    });
    target.count('KB read', Math.round(socket.tcp.bytesRead / 1_024));
    socket.tcp.destroy();
  });
}

async function stopReading(target: Target): Promise<void> {
  await crew(target, 20, async (n) => {
    const socket = await enter(target, `evil/u${n}`, n);
    if (!socket) return;
    target.spend();
    socket.tcp.pause();
    while (!target.isOver() && !socket.tcp.destroyed) await sleep(100);
    socket.tcp.resume();
    await Promise.race([socket.closed(), sleep(500)]);
    socket.tcp.destroy();
  });
}
