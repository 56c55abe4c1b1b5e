// A tenant's clients that try ten times what they may: they connect, subscribe and send without end.
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  atRate,
  commandFrame,
  crew,
  enter,
  type Tally,
  type Target,
  writeAtRate,
} from './attack.ts';
import { answer } from './child.ts';

/** What they try, and for how long. */
export interface Noise {
  readonly url: string;
  readonly tenant: string;
  /** How many connect each second, as how many users; each stays for a second. */
  readonly connectsPerSecond: number;
  readonly users: number;
  /** How many clients subscribe, and how often each of them does in a second. */
  readonly subscribers: number;
  readonly subscribesPerSecond: number;
  /** How many clients send large commands, and how much each of them does in a second. */
  readonly talkers: number;
  readonly bytesPerSecond: number;
  readonly forMs: number;
}

/** How much of one thing they tried, and what they got. */
export interface Tried {
  readonly times: number;
  readonly got: Tally;
}

/** All of it. */
export interface Noised {
  readonly connects: Tried;
  readonly subscribes: Tried;
  readonly talk: Tried;
}

const STAY_MS = 1_000;
/** Rooms that one client asks for before it asks for the same again: more than it may have. */
const ROOMS = 200;
const LARGE_BYTES = 8_000;
/** Addresses that they come from. */
const ADDRESSES = 100;

// It shares its core with those whose latency is measured: they go first.
setPriority(10);

async function make(noise: Noise): Promise<Noised> {
  const [connects, subscribes, talk] = [new Loot(noise), new Loot(noise), new Loot(noise)];
  await Promise.all([connect(connects, noise), subscribe(subscribes, noise), speak(talk, noise)]);
  await sleep(500); // what is on its way counts too
  return { connects, subscribes, talk };
}

/** What one kind of noise comes to. */
class Loot implements Target, Tried {
  readonly url: string;
  readonly scale = 1;
  readonly got: Tally = {};
  times = 0;
  readonly #end: number;

  constructor({ url, forMs }: Noise) {
    this.url = url;
    this.#end = performance.now() + forMs;
  }

  random(): number {
    return Math.random();
  }

  isOver(): boolean {
    return performance.now() >= this.#end;
  }

  count(outcome: string, by = 1): void {
    this.got[outcome] = (this.got[outcome] ?? 0) + by;
  }

  spend(by = 1): void {
    this.times += by;
  }
}

async function connect(target: Target, noise: Noise): Promise<void> {
  const { tenant, users, connectsPerSecond } = noise;
  let n = 0;
  const comeAndGo = async () => {
    n += 1;
    target.spend();
    const socket = await enter(target, `${tenant}/c${n % users}`, n % ADDRESSES);
    if (!socket) return;
    target.count('let in');
    await sleep(STAY_MS);
    socket.tcp.destroy();
  };
  await atRate(target, connectsPerSecond, () => void comeAndGo());
}

async function subscribe(target: Target, noise: Noise): Promise<void> {
  const { tenant, subscribers, subscribesPerSecond } = noise;
  await crew(target, subscribers, async (n) => {
    const socket = await enter(target, `${tenant}/s${n}`, n % ADDRESSES);
    if (!socket) return;
    let id = 1;
    await writeAtRate(target, socket, subscribesPerSecond, () => {
      id += 1;
      return commandFrame({ id, subscribe: { channel: `chat:${n}-${id % ROOMS}` } });
    });
    socket.tcp.destroy();
  });
}

async function speak(target: Target, noise: Noise): Promise<void> {
  const { tenant, talkers, bytesPerSecond } = noise;
  const data = 'x'.repeat(LARGE_BYTES);
  await crew(target, talkers, async (n) => {
    const socket = await enter(target, `${tenant}/t${n}`, n % ADDRESSES);
    if (!socket) return;
    let id = 1;
    await writeAtRate(target, socket, bytesPerSecond / LARGE_BYTES, () => {
      id += 1;
      return commandFrame({ id, rpc: { method: 'echo', data } });
    });
    socket.tcp.destroy();
  });
}

answer({ make });
