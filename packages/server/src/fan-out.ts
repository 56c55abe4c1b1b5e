import { AsyncResource } from 'node:async_hooks';
import Queue from 'yocto-queue';
import type { Tenant } from './tenants.ts';

/** Something to do for each of a channel's subscribers. */
export interface Delivery<S> {
  /** Bytes that each subscriber costs. */
  readonly bytes: number;
  /** Will nobody recover it? Then it leaves half of the backlog to what somebody will. */
  readonly isOptional: boolean;
  /** Must not throw and must not wait. */
  deliver(subscriber: S): void;
}

/** A delivery that asks for its subscribers when its turn comes. */
export type LaterDelivery<S> = () => {
  readonly subscribers: readonly S[];
  readonly delivery: Delivery<S>;
};

/** How a node delivers. */
export interface FanOutOptions {
  /** Subscribers per turn of the event loop; where several deliveries go to each, fewer. */
  readonly slice: number;
  readonly onExceeded: (
    limit: 'fanOutBytesPerSecond' | 'maxFanOutBacklogBytes',
    tenant: Tenant,
  ) => void;
}

/** What remembering one delivery costs, beside what it will write, and each of its group's subscribers. */
const ITEM_BYTES = 256;
const SUBSCRIBER_BYTES = 8;
/** How much of the backlog may be filled with what nobody recovers. */
const OPTIONAL_SHARE = 1 / 2;
/** Bytes that a tenant may deliver before the next one has its turn. */
const QUANTUM_BYTES = 64 * 1024;
/** Deliveries to the same subscribers that go to each of them in one go: they become one write. */
const MAX_GROUP = 16;
/** What each further delivery of a group costs of a turn, beside the write of the first. */
const MERGED_COST = 1 / 8;

/** Deliveries to the same subscribers, one after the other. */
interface Group<S> {
  readonly deliveries: Delivery<S>[];
  /** `null`: to be asked for. */
  subscribers: readonly S[] | null;
  readonly later: LaterDelivery<S> | null;
  /** What it weighs in the backlog. */
  weight: number;
  /** Bytes that each subscriber costs. */
  bytes: number;
  next: number;
}

interface Backlog<S> {
  readonly tenant: Tenant;
  readonly groups: Queue<Group<S>>;
  /** Groups that have not begun: more for the same subscribers joins them. */
  readonly open: Map<readonly S[], Group<S>>;
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
 * tenant's broadcast to thousands never becomes another tenant's latency. What waits for the same
 * subscribers goes to each of them together: the more waits, the cheaper it gets. The deliveries of a
 * channel keep their order. A tenant that has used up its bytes per second waits; the others do not.
 */
export class FanOut<S> {
  readonly #options: FanOutOptions;
  /** Tenants with a backlog; the first one is next. */
  readonly #backlogs = new Map<Tenant, Backlog<S>>();
  /** Subscribers that this turn still has space for. */
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
   * Delivers, now or as soon as it is its turn. `subscribers` is the same list as long as they are the
   * same. `false`: the tenant's backlog is full, and nothing of it will be delivered.
   */
  add(tenant: Tenant, subscribers: readonly S[], delivery: Delivery<S>): boolean {
    const isFree = this.#backlogs.size === 0 && subscribers.length <= this.#space;
    if (isFree && tenant.fanOut.borrow(subscribers.length * delivery.bytes)) {
      this.#space -= subscribers.length;
      this.#schedule();
      for (const subscriber of subscribers) delivery.deliver(subscriber);
      return true;
    }
    return this.#enqueue(tenant, subscribers, delivery);
  }

  /** Delivers when everything of the tenant that waits has been delivered. There is always space for it. */
  addLater(tenant: Tenant, later: LaterDelivery<S>): void {
    const backlog = this.#backlogOf(tenant);
    // What comes after it must not overtake it.
    backlog.open.clear();
    backlog.groups.enqueue(newGroup<S>({ later, weight: ITEM_BYTES }));
    backlog.weight += ITEM_BYTES;
    this.#schedule();
  }

  /** Forgets what waits. */
  stop(): void {
    clearImmediate(this.#turn);
    clearTimeout(this.#alarm);
    this.#turn = undefined;
    this.#backlogs.clear();
  }

  // One that is larger than the backlog may be finds space when nothing waits: else it never would.
  #enqueue(tenant: Tenant, subscribers: readonly S[], delivery: Delivery<S>): boolean {
    const weight = delivery.bytes * subscribers.length + ITEM_BYTES;
    const waiting = this.#backlogs.get(tenant)?.weight ?? 0;
    const share = delivery.isOptional ? OPTIONAL_SHARE : 1;
    if (waiting > 0 && waiting + weight > tenant.limits.maxFanOutBacklogBytes * share) {
      this.#options.onExceeded('maxFanOutBacklogBytes', tenant);
      return false;
    }
    const backlog = this.#backlogOf(tenant);
    const group = openGroup(backlog, subscribers, delivery.bytes);
    group.deliveries.push(delivery);
    group.bytes += delivery.bytes;
    group.weight += weight;
    backlog.weight += weight;
    this.#schedule();
    return true;
  }

  #backlogOf(tenant: Tenant): Backlog<S> {
    const backlog = this.#backlogs.get(tenant) ?? newBacklog<S>(tenant);
    this.#backlogs.set(tenant, backlog);
    return backlog;
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
    const { tenant, groups } = backlog;
    // Behind the others, wherever it ends: the next turn begins with whoever waits longest.
    this.#backlogs.delete(tenant);
    this.#backlogs.set(tenant, backlog);
    backlog.deficit += QUANTUM_BYTES;
    for (let first = groups.peek(); first && this.#mayGoOn(backlog); first = groups.peek()) {
      if (this.#deliverNext(backlog, first)) continue;
      backlog.deficit = 0;
      return false;
    }
    if (groups.size === 0) this.#backlogs.delete(tenant);
    return true;
  }

  #mayGoOn({ deficit }: Backlog<S>): boolean {
    return this.#space > 0 && deficit > 0;
  }

  /** Goes on with a group as far as the tenant's share of the turn lasts. */
  #deliverNext(backlog: Backlog<S>, group: Group<S>): boolean {
    const subscribers = begin(backlog, group);
    const left = subscribers.length - group.next;
    if (left === 0) {
      backlog.groups.dequeue();
      backlog.weight -= group.weight;
      return true;
    }
    const share = Math.ceil(backlog.deficit / Math.max(1, group.bytes));
    const cost = 1 + (group.deliveries.length - 1) * MERGED_COST;
    const count = Math.min(left, Math.ceil(this.#space / cost), share);
    if (!backlog.tenant.fanOut.borrow(count * group.bytes)) return this.#rest(backlog);
    backlog.isResting = false;
    backlog.deficit -= count * group.bytes;
    this.#space -= count * cost;
    const slice = subscribers.slice(group.next, group.next + count);
    group.next += count;
    for (const subscriber of slice) {
      for (const delivery of group.deliveries) delivery.deliver(subscriber);
    }
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

/** The group that more for these subscribers joins; begun anew where the last one is full. */
function openGroup<S>(backlog: Backlog<S>, subscribers: readonly S[], bytes: number): Group<S> {
  const open = backlog.open.get(subscribers);
  if (open && open.deliveries.length < MAX_GROUP && open.bytes + bytes <= QUANTUM_BYTES)
    return open;
  const weight = SUBSCRIBER_BYTES * subscribers.length;
  const group = newGroup<S>({ subscribers, weight });
  backlog.weight += weight;
  backlog.open.set(subscribers, group);
  backlog.groups.enqueue(group);
  return group;
}

/** Whom a group goes to. From here on nothing joins it. */
function begin<S>(backlog: Backlog<S>, group: Group<S>): readonly S[] {
  if (group.subscribers) {
    const isOpen = group.next === 0 && backlog.open.get(group.subscribers) === group;
    if (isOpen) backlog.open.delete(group.subscribers);
    return group.subscribers;
  }
  const asked = group.later?.();
  if (asked) group.deliveries.push(asked.delivery);
  return (group.subscribers = asked?.subscribers ?? []);
}

function newGroup<S>({
  subscribers = null,
  later = null,
  weight = 0,
}: Partial<Group<S>>): Group<S> {
  return { deliveries: [], subscribers, later, weight, bytes: 0, next: 0 };
}

function newBacklog<S>(tenant: Tenant): Backlog<S> {
  return {
    tenant,
    groups: new Queue(),
    open: new Map(),
    weight: 0,
    deficit: 0,
    isResting: false,
  };
}
