import { setTimeout as sleep } from 'node:timers/promises';
import { frameOf, RawSocket } from '../../packages/server/test/hostile-frames.ts';
import type { ServerSetup } from './server.ts';

/** How often each thing happened to the attacker: statuses, close codes, error codes. */
export type Tally = Record<string, number>;

/** What an attacker has to work with. */
export interface Target {
  readonly url: string;
  readonly random: () => number;
  /** 1 in a full run, less in a quick one. */
  readonly scale: number;
  readonly isOver: () => boolean;
  /** What it got, counted. */
  count(outcome: string, by?: number): void;
  /** One more hostile frame, handshake or socket. */
  spend(by?: number): void;
}

/** Something hostile that is done for a while. */
export interface Attack {
  readonly name: string;
  /** All that it may be answered with: anything else is a miss. */
  readonly expected: readonly string[];
  /** What differs from the defaults. */
  readonly setup?: ServerSetup;
  /** What the server publishes for it beside the healthy's stream. */
  readonly publishing?: { tenant: string; perSecond: number; bytes: number };
  readonly fill?: { tenant: string; room: string; count: number; bytes: number };
  /** Default 3 s. */
  readonly durationMs?: number;
  /** Default 3. */
  readonly rounds?: number;
  /** Can it share its server with others of the same setup? */
  readonly isShared?: boolean;
  run(target: Target): Promise<void>;
}

/** Between two sessions of one attacker: some hundreds of a crew come each second, not thousands. */
export const PACE_MS = 20;

/** Where an attacker comes from: on Linux all of 127.0.0.0/8 is this machine. */
function addressOf(n: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  return `127.0.${1 + (n >> 7)}.${1 + (n % 128)}`;
}

/** A socket from the n-th address. */
export function socketFrom(target: Target, n: number): RawSocket {
  const localAddress = addressOf(n);
  return new RawSocket(target.url, {
    ...(localAddress === undefined ? {} : { localAddress }),
    onText: (text) => countErrors(target, text),
  });
}

/** Upgrades, connects and resolves when that is answered; `null`: it was refused. */
export async function enter(target: Target, token: string, from = 0): Promise<RawSocket | null> {
  const entered = Promise.withResolvers<boolean>();
  const localAddress = addressOf(from);
  const socket = new RawSocket(target.url, {
    ...(localAddress === undefined ? {} : { localAddress }),
    onText: (text) => {
      if (text.includes('"connect"')) entered.resolve(true);
      if (text.startsWith('{"id":1,"error"')) socket.tcp.destroy();
      if (text === '{}') socket.write(frameOf('{}')); // a dead one would give way to others
      if (text.includes(LAST_WORD)) socket.texts.push(LAST_WORD);
      countErrors(target, text);
    },
  });
  void socket.closed().then((code) => countClose(target, code));
  socket.tcp.on('close', () => entered.resolve(false));
  await socket.upgrade();
  if (socket.status !== 101) {
    target.count(`HTTP ${socket.status ?? 'cut'}`);
    socket.tcp.destroy();
    return null;
  }
  socket.write(commandFrame({ id: 1, connect: { token } }));
  return (await entered.promise) ? socket : null;
}

const LAST_ID = 4_000_000_000;
const LAST_WORD = `"id":${LAST_ID}`;

/** Sends something hostile; resolves when it has been dealt with, one way or another. */
export async function provoke(target: Target, socket: RawSocket, bytes: Buffer): Promise<void> {
  target.spend();
  socket.write(bytes, commandFrame({ id: LAST_ID, rpc: { method: 'echo' } }));
  const isDone = () => socket.texts.length > 0 || socket.closeCode !== null || socket.tcp.destroyed;
  while (!isDone() && !target.isOver()) await sleep(1);
  if (socket.texts.length > 0) target.count('stayed connected');
  socket.tcp.destroy();
}

/** One command as a frame. */
export function commandFrame(command: object): Buffer {
  return frameOf(JSON.stringify(command));
}

function countClose(target: Target, code: number | null): void {
  if (code !== null) target.count(String(code));
}

const ERROR = /"error":\{"code":(\d+)/g;

function countErrors(target: Target, text: string): void {
  if (text.length > 100_000) return; // a page of history, not an error
  for (const [, code] of text.matchAll(ERROR)) target.count(`error ${code}`);
}

/** Does it at that rate until the attack is over, and does not wait for it. */
export async function atRate(target: Target, perSecond: number, act: () => void): Promise<void> {
  const begin = performance.now();
  for (let done = 0; !target.isOver(); ) {
    const due = ((performance.now() - begin) * perSecond) / 1_000;
    for (; done < due; done += 1) act();
    await sleep(5);
  }
}

/**
 * Keeps so many attackers at work until the attack is over: whoever was thrown out begins anew, after
 * a moment.
 */
export async function crew(
  target: Target,
  count: number,
  work: (n: number) => Promise<void>,
): Promise<void> {
  const member = async (n: number) => {
    while (!target.isOver()) {
      await work(n);
      await sleep(PACE_MS);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, n) => member(n)));
}

/** Writes until the attack or the connection is over, no faster than the socket takes it. */
export async function writeAtRate(
  target: Target,
  socket: RawSocket,
  perSecond: number,
  next: () => Buffer,
): Promise<void> {
  const isDone = () => target.isOver() || socket.tcp.destroyed || socket.closeCode !== null;
  const begin = performance.now();
  for (let done = 0; !isDone(); ) {
    const due = ((performance.now() - begin) * perSecond) / 1_000;
    for (; done < due && socket.tcp.writableLength < 1_000_000; done += 1) {
      socket.write(next());
      target.spend();
    }
    await sleep(5);
  }
}
