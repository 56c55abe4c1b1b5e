import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from '@trunkline/contract';
import { type Node, sendEvent } from '@trunkline/server';
import type { Tally } from './attack.ts';

/** What an app sends that does not know its limits: most of it to a room, some to all of a tenant. */
export interface Flooding {
  readonly tenant: string;
  readonly room: string;
  /** In all. */
  readonly perSecond: number;
  readonly bytes: number;
  /** Of these, to everybody. */
  readonly broadcastsPerSecond: number;
  readonly broadcastBytes: number;
  readonly forMs: number;
}

/** What became of it: receipts by their status. */
export interface Flooded {
  readonly sends: Tally;
  readonly broadcasts: Tally;
}

const TICK_MS = 5;
/** Behind, it does not make up for more than this in one go: something else must be done, too. */
const MOST_AT_ONCE = 200;

/** How many each channel of each node has had. */
const accepted = new WeakMap<Node, Map<string, number>>();

/** Sends by the server's own way, and looks at each receipt. */
export async function flood(node: Node, flooding: Flooding): Promise<Flooded> {
  const { tenant, room, perSecond, bytes, broadcastsPerSecond, broadcastBytes, forMs } = flooding;
  const realm = { kind: 'tenant', tenantId: tenant } as const;
  const sends = new Sender(node, { realm, target: { kind: 'room', room } }, bytes);
  const broadcasts = new Sender(node, { realm, target: { kind: 'all' } }, broadcastBytes);
  const every = Math.round(perSecond / broadcastsPerSecond);
  const begin = performance.now();
  for (let done = 0; performance.now() < begin + forMs; ) {
    const due = ((performance.now() - begin) * perSecond) / 1_000;
    for (const end = Math.min(due, done + MOST_AT_ONCE); done < end; done += 1) {
      await (done % every === 0 ? broadcasts : sends).send();
    }
    await sleep(TICK_MS);
  }
  return { sends: sends.receipts, broadcasts: broadcasts.receipts };
}

/** Sends to one channel. Those that were accepted are numbered, across floods. */
class Sender {
  readonly receipts: Tally = {};
  readonly #node: Node;
  readonly #channel: Channel;
  readonly #key: string;
  readonly #filler: string;

  constructor(node: Node, channel: Channel, bytes: number) {
    this.#node = node;
    this.#channel = channel;
    this.#key = JSON.stringify(channel);
    this.#filler = 'x'.repeat(bytes);
    if (!accepted.has(node)) accepted.set(node, new Map());
  }

  async send(): Promise<void> {
    const numbers = accepted.get(this.#node);
    const n = (numbers?.get(this.#key) ?? 0) + 1;
    const at = performance.timeOrigin + performance.now();
    const json = JSON.stringify({ n, at, filler: this.#filler });
    const event = { id: `noise-${n}`, type: 'noise', json, bytes: json.length };
    const { status } = await sendEvent(this.#node, this.#channel, event);
    this.receipts[status] = (this.receipts[status] ?? 0) + 1;
    if (status === 'accepted') numbers?.set(this.#key, n);
  }
}
