import { AsyncResource } from 'node:async_hooks';
import Queue from 'yocto-queue';
import type { LimitName } from './counters.ts';
import type { Tenant } from './tenants.ts';

/** Something to do for each of a channel's subscribers. */
export interface Delivery<S> {
  /** Asked once: at once by `add`, when their turn begins by `addLater`. */
  readonly subscribers: () => readonly S[];
  /** Bytes that each subscriber costs. */
  readonly bytes: number;
  /** Must not throw and must not wait. */
  deliver(subscriber: S): void;
}

/** How a node delivers. */
export interface FanOutOptions {
  /** Subscribers per turn of the event loop. */
  readonly slice: number;
  readonly onExceeded: (limit: LimitName, tenant: Tenant) => void;
}

/** What remembering one delivery costs, beside what it will write. */
const ITEM_BYTES = 256;
/** Bytes that a tenant may deliver before the next one has its turn. */
const QUANTUM_BYTES = 64 * 1024;

interface Pending<S> {
  readonly delivery: Delivery<S>;
  /** What it weighs in the backlog. */
  readonly weight: number;
  /** Known when its turn begins. */
  subscribers: readonly S[] | null;
  next: number;
}

interface Backlog<S> {
  readonly tenant: Tenant;
  readonly pending: Queue<Pending<S>>;
  /** What all of it weighs: the bytes that it will write, and what it costs to remember. */
  weight: number;
  /** Bytes that it may still deliver in this round (deficit round robin). */
  deficit: number;
  /** It has used up its bytes per second, and that has been said. */
  isResting: boolean;
}

/**
 * Shares a node's turns between tenants. What fits into the current turn is delivered at once; the
 * rest waits in its tenant's backlog, which gets its share of each following turn, so that one
 * tenant's broadcast to thousands never becomes another tenant's latency. A tenant's deliveries keep
 * their order. A tenant that has used up its bytes per second waits; the others do not.
 */
export class FanOut<S> {
  readonly #options: FanOutOptions;
  /** Tenants with a backlog; the first one is next. */
  readonly #backlogs = new Map<Tenant, Backlog<S>>();
  /** Deliveries that this turn still has space for. */
  #space: number;
  #turn: NodeJS.Immediate | undefined;
  #alarm: NodeJS.Timeout | undefined;
  readonly #newTurn: () => void;

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.#space = options.slice;
    // The timers are everybody's: one that is made in a tenant's request must not act as that tenant.
    this.#newTurn = AsyncResource.bind(() => this.#takeTurns());
  }

  /** Has it deliveries that wait because it has used up its bytes per second? */
  isResting(tenant: Tenant): boolean {
    return this.#backlogs.get(tenant)?.isResting ?? false;
  }

  /**
   * Delivers, now or as soon as it is its turn. `false`: the tenant's backlog is full, and nothing of
   * it will be delivered.
   */
  add(tenant: Tenant, delivery: Delivery<S>): boolean {
    const subscribers = delivery.subscribers();
    const isFree = this.#backlogs.size === 0 && subscribers.length <= this.#space;
    if (isFree && tenant.fanOut.borrow(subscribers.length * delivery.bytes)) {
      this.#space -= subscribers.length;
      this.#schedule();
      for (const subscriber of subscribers) delivery.deliver(subscriber);
      return true;
    }
    const weight = (delivery.bytes + ITEM_BYTES) * (subscribers.length + 1);
    return this.#enqueue(tenant, { delivery, weight, subscribers, next: 0 });
  }

  /** Delivers when everything of the tenant that waits has been delivered. There is always space for it. */
  addLater(tenant: Tenant, delivery: Delivery<S>): void {
    this.#append(tenant, { delivery, weight: ITEM_BYTES, subscribers: null, next: 0 });
  }

  /** Forgets what waits. */
  stop(): void {
    clearImmediate(this.#turn);
    clearTimeout(this.#alarm);
    this.#turn = undefined;
    this.#backlogs.clear();
  }

  // One that is larger than the backlog may be finds space when nothing waits: else it never would.
  #enqueue(tenant: Tenant, pending: Pending<S>): boolean {
    const waiting = this.#backlogs.get(tenant)?.weight ?? 0;
    if (waiting > 0 && waiting + pending.weight > tenant.limits.maxFanOutBacklogBytes) {
      this.#options.onExceeded('maxFanOutBacklogBytes', tenant);
      return false;
    }
    this.#append(tenant, pending);
    return true;
  }

  #append(tenant: Tenant, pending: Pending<S>): void {
    const backlog = this.#backlogs.get(tenant) ?? newBacklog<S>(tenant);
    this.#backlogs.set(tenant, backlog);
    backlog.pending.enqueue(pending);
    backlog.weight += pending.weight;
    this.#schedule();
  }

  #schedule(): void {
    this.#turn ??= setImmediate(this.#newTurn);
  }

  #takeTurns(): void {
    this.#turn = undefined;
    this.#space = this.#options.slice;
    if (this.#backlogs.size === 0) return;
    const waitMs = this.#work();
    if (this.#backlogs.size === 0) return;
    if (waitMs === 0) this.#schedule();
    else this.#restFor(waitMs);
  }

  /** Fills the turn; gives the time until somebody may go on, 0: at once. */
  #work(): number {
    const resting = new Set<Tenant>();
    while (this.#space > 0 && resting.size < this.#backlogs.size) {
      for (const backlog of [...this.#backlogs.values()]) {
        if (this.#space <= 0) return 0;
        if (resting.has(backlog.tenant)) continue;
        if (!this.#takeTurn(backlog)) resting.add(backlog.tenant);
      }
    }
    if (resting.size < this.#backlogs.size) return 0;
    return Math.min(...[...resting].map(({ fanOut }) => fanOut.waitMs()));
  }

  /** One tenant's share of a round. `false`: it has used up its bytes per second. */
  #takeTurn(backlog: Backlog<S>): boolean {
    const { tenant, pending } = backlog;
    // Behind the others, wherever it ends: the next turn begins with whoever waits longest.
    this.#backlogs.delete(tenant);
    this.#backlogs.set(tenant, backlog);
    backlog.deficit += QUANTUM_BYTES;
    for (let first = pending.peek(); first && this.#mayGoOn(backlog); first = pending.peek()) {
      if (this.#deliverNext(backlog, first)) continue;
      backlog.deficit = 0;
      return false;
    }
    if (pending.size === 0) this.#backlogs.delete(tenant);
    return true;
  }

  #mayGoOn({ deficit }: Backlog<S>): boolean {
    return this.#space > 0 && deficit > 0;
  }

  #deliverNext(backlog: Backlog<S>, pending: Pending<S>): boolean {
    const { delivery } = pending;
    pending.subscribers ??= delivery.subscribers();
    const subscriber = pending.subscribers[pending.next];
    if (subscriber === undefined) {
      backlog.pending.dequeue();
      backlog.weight -= pending.weight;
      return true;
    }
    if (!backlog.tenant.fanOut.borrow(delivery.bytes)) return this.#rest(backlog);
    backlog.isResting = false;
    pending.next += 1;
    backlog.deficit -= delivery.bytes;
    this.#space -= 1;
    delivery.deliver(subscriber);
    return true;
  }

  #rest(backlog: Backlog<S>): false {
    if (!backlog.isResting) this.#options.onExceeded('fanOutBytesPerSecond', backlog.tenant);
    backlog.isResting = true;
    return false;
  }

  #restFor(waitMs: number): void {
    clearTimeout(this.#alarm);
    this.#alarm = setTimeout(this.#newTurn, waitMs);
  }
}

function newBacklog<S>(tenant: Tenant): Backlog<S> {
  return { tenant, pending: new Queue(), weight: 0, deficit: 0, isResting: false };
}
