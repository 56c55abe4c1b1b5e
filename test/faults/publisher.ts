import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { channelKey, type Target } from '@trunkline/contract';
import {
  type Node,
  NotDurableError,
  type Receipt,
  type SendEventOptions,
  sendEvent,
} from '@trunkline/server';
import { now } from './clock.ts';
import { payloadText } from './payload.ts';
import { channelOf } from './person.ts';
import { callLine, outcomeLine } from './publisher-ledger.ts';

/** What to publish, and to whom. */
export interface PublishOrder {
  readonly tenantId: string;
  readonly target: Target;
  /** How much heavier it is than it must be. Default 0. */
  readonly bytes?: number;
  /** Default: a new one. The same again: a repeat, which an idempotency key must make nothing of. */
  readonly id?: string;
  readonly idempotencyKey?: string;
  readonly isVolatile?: boolean;
  /** More options of `sendEvent`, as they are. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** What became of a publish. */
export interface PublishOutcome {
  readonly id: string;
  readonly status: 'accepted' | 'rejected' | 'unknown';
  readonly epoch: string;
  readonly offset: number;
  readonly reason: string;
  /** How long it took. */
  readonly ms: number;
}

/** A steady stream of publishes, in turn to each; none waits for another. */
export interface LoadOrder {
  readonly to: readonly PublishOrder[];
  readonly perSecond: number;
}

/** How the publishes of a node have ended since it was started. */
export interface PublishCounts {
  readonly accepted: number;
  readonly rejected: number;
  readonly unknown: number;
  readonly pending: number;
  readonly slowestMs: number;
}

/** Publishes on a node, and puts down each call before it is made and each outcome. */
export class Publisher {
  readonly #node: Node;
  readonly #name: string;
  readonly #ledger: number;
  readonly #pending = new Set<Promise<PublishOutcome>>();
  readonly #counts = { accepted: 0, rejected: 0, unknown: 0, slowestMs: 0 };
  #lastNumber = 0;
  #loads = 0;

  /** `name` begins the ids: it is this node's and this life's alone. */
  constructor(node: Node, name: string, ledgerFile: string) {
    this.#node = node;
    this.#name = name;
    this.#ledger = openSync(ledgerFile, 'a');
  }

  get counts(): PublishCounts {
    return { ...this.#counts, pending: this.#pending.size };
  }

  async publish(order: PublishOrder): Promise<PublishOutcome> {
    const publishing = this.#publish(order);
    this.#pending.add(publishing);
    try {
      return await publishing;
    } finally {
      this.#pending.delete(publishing);
    }
  }

  /** Publishes until `stop`, however the last one is getting on. */
  async load({ to, perSecond }: LoadOrder): Promise<void> {
    this.#loads += 1;
    const load = this.#loads;
    const begin = performance.now();
    for (let n = 0; this.#loads === load; n += 1) {
      const aheadMs = begin + (1_000 * n) / perSecond - performance.now();
      if (aheadMs > 1) await sleep(aheadMs);
      const order = to[n % to.length];
      if (order && this.#loads === load) void this.publish(order);
    }
  }

  /** Begins nothing more; resolves when everything has come to an end. */
  async stop(): Promise<void> {
    this.#loads += 1;
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  close(): void {
    closeSync(this.#ledger);
  }

  async #publish(order: PublishOrder): Promise<PublishOutcome> {
    const { tenantId, target, bytes = 0, idempotencyKey, isVolatile = false } = order;
    const channel = channelOf(tenantId, target);
    const at = now();
    const id = order.id ?? this.#newId();
    const json = payloadText({ id, tenantId, at }, bytes);
    const call = { id, channel: channelKey(channel), tenantId, at, isVolatile };
    writeSync(this.#ledger, callLine({ ...call, isRepeat: order.id !== undefined }));
    const options: SendEventOptions = {
      ...order.options,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      volatile: isVolatile,
    };
    const sealed = { id, type: 'lab', json, bytes: json.length };
    const receipt = await sendEvent(this.#node, channel, sealed, options).catch(notDurable(id));
    const outcome = outcomeOf(id, receipt, now() - at);
    writeSync(this.#ledger, outcomeLine(outcome, now()));
    this.#counts[outcome.status] += 1;
    this.#counts.slowestMs = Math.max(this.#counts.slowestMs, outcome.ms);
    return outcome;
  }

  #newId(): string {
    this.#lastNumber += 1;
    return `${this.#name}.${this.#lastNumber}`;
  }
}

/** It is published, and may be lost all the same: to a ledger that is not known. */
function notDurable(id: string): (error: unknown) => Receipt {
  return (error) => {
    if (!(error instanceof NotDurableError)) throw error;
    return { id, status: 'unknown', reason: `${error.name}: ${error.message}` };
  };
}

function outcomeOf(id: string, receipt: Receipt, ms: number): PublishOutcome {
  if (receipt.status === 'accepted') {
    const { epoch, offset } = receipt;
    return { id, status: 'accepted', epoch, offset, reason: '', ms };
  }
  const status = receipt.status === 'dropped' ? 'rejected' : 'unknown';
  return { id, status, epoch: '', offset: 0, reason: receipt.reason, ms };
}
