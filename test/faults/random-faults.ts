import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../packages/server/test/model/scenario.ts';
import type { Lab } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import type { Cable } from './proxy.ts';

/** What random faults work with. */
export interface RandomFaultsOptions {
  readonly lab: Lab;
  readonly random: () => number;
  /** A node that was killed lives again. */
  readonly onBack: (node: LabNode) => Promise<void>;
}

/** Something that goes wrong for a while, and is all right when its promise resolves. */
type Breaking = (ms: number) => Promise<void>;

const MIN_MS = 200;
const MAX_MS = 5_000;
/** So many at a time, so that between them something works. */
const MOST = 2;
const RETRY_MS = 300;
const JITTER_MS = 150;

/** Faults of nodes, of Redis, and of each line between them and their clients, at random, for some time each. */
export class RandomFaults {
  /** How often each has happened, by name. */
  readonly counts: Record<string, number> = {};
  readonly #options: RandomFaultsOptions;
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: RandomFaultsOptions) {
    this.#options = options;
  }

  /** Begins one of the family of a fault of T1's broker, unless what it would break is broken already. */
  begin(family: Fault): void {
    const { lab, random } = this.#options;
    const node = lab.nodes[Math.floor(random() * lab.nodes.length)];
    const names = Object.entries(node ? this.#family(family, node) : {});
    const [name, breaking] = names[Math.floor(random() * names.length)] ?? [];
    const ms = MIN_MS + random() ** 2 * (MAX_MS - MIN_MS);
    if (!node || name === undefined || !breaking) return;
    const what = name.includes('Redis') ? 'Redis' : node.process.name;
    if (this.#running.size >= MOST || this.#running.has(what)) return;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
    this.#running.set(
      what,
      breaking(ms).finally(() => this.#running.delete(what)),
    );
  }

  /** Resolves when nothing is wrong any more. */
  async end(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  #family(family: Fault, node: LabNode): Readonly<Record<string, Breaking>> {
    const { commands, subscriptions, clients } = node;
    switch (family) {
      case 'refuse':
        return this.#redisFaults();
      case 'store unanswered':
        return {
          'no answers of commands': (ms) => dark(commands, 's2c', ms),
          ...ofLine('commands', commands),
        };
      case 'drop unanswered':
        return {
          'no commands': (ms) => dark(commands, 'c2s', ms),
          ...ofLine('commands', commands),
        };
      case 'lose':
        return ofLine('subscriptions', subscriptions);
      case 'break':
        return { ...this.#nodeFaults(node), ...ofLine('clients', clients) };
      default:
        return {};
    }
  }

  #redisFaults(): Readonly<Record<string, Breaking>> {
    const { redis } = this.#options.lab;
    return {
      'Redis frozen': async (ms) => {
        redis.pause();
        await sleep(ms);
        redis.resume();
      },
      'Redis takes no writes': async (ms) => {
        await redis.pauseClients(Math.round(ms), 'WRITE');
        await sleep(ms);
      },
      'Redis forgets its scripts': async () => void (await redis.command('SCRIPT', 'FLUSH')),
      'Redis throws its subscribers out': async () =>
        void (await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')),
    };
  }

  #nodeFaults(node: LabNode): Readonly<Record<string, Breaking>> {
    return {
      'node killed': async (ms) => await this.#kill(node, ms),
      'node frozen': async (ms) => {
        node.process.freeze();
        await sleep(ms);
        node.process.thaw();
      },
    };
  }

  /** It comes back as soon as it can: not while Redis is away. */
  async #kill(node: LabNode, ms: number): Promise<void> {
    await node.process.kill9();
    for (let isBack = false; !isBack; ) {
      // oxlint-disable-next-line no-await-in-loop -- until it is back
      await sleep(ms);
      // oxlint-disable-next-line no-await-in-loop -- see above
      isBack = await this.#comesBack(node);
    }
    await this.#options.onBack(node);
  }

  async #comesBack({ process }: LabNode): Promise<boolean> {
    try {
      await process.restart();
      return true;
    } catch {
      await process.kill9();
      await sleep(RETRY_MS);
      return false;
    }
  }
}

function ofLine(name: string, cable: Cable): Readonly<Record<string, Breaking>> {
  return {
    [`${name} reset`]: async () => await cable.rst(),
    [`${name} refused`]: async (ms) => {
      await cable.refuse();
      await cable.rst();
      await sleep(ms);
      await cable.pass();
    },
    [`${name} dark`]: async (ms) => await dark(cable, 'both', ms),
    [`${name} late`]: async (ms) => {
      await cable.delay(0, JITTER_MS);
      await sleep(ms);
      await cable.pass();
    },
  };
}

async function dark(cable: Cable, direction: 'c2s' | 's2c' | 'both', ms: number): Promise<void> {
  await cable.blackhole(direction);
  await sleep(ms);
  await cable.pass();
}
