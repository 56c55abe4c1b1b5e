import type { Broker, ClientInfo, StreamPosition } from '../broker/broker.ts';
import type { Limits } from '../limits.ts';
import { fieldsOf, parseJson } from '../protocol/json.ts';

/** How much a node has to do. */
export interface NodeLoad {
  readonly connections: number;
  readonly subscriptions: number;
  /** Has it, or had it, a door? Without one it has never had anybody. */
  readonly isAttached: boolean;
}

/** A node that lives, as the others see it. */
export interface ClusterNode extends NodeLoad {
  readonly id: string;
  /** Since when, milliseconds since 1970. */
  readonly since: number;
  /** It carries out what is ordered from there on; `null`: not known. */
  readonly follows: StreamPosition | null;
}

/** What the list of nodes works with. */
export interface ClusterNodesOptions {
  readonly nodeId: string;
  readonly broker: Pick<Broker, 'addPresence' | 'removePresence' | 'presence'>;
  readonly limits: Pick<Limits, 'nodeIntervalMs' | 'nodeTtlMs'>;
  readonly loadOf: () => NodeLoad;
  readonly onError: (error: unknown) => void;
}

/** Where nodes are present; no channel's key, so that nothing of it can reach a client. */
const NODES = '!nodes';
/** So much later than it should a node may name itself. */
const LATENESS_MS = 1_000;
/** So long a list says of a node that there is none. */
const FRESH_MS = 50;

/** Which nodes live: each names itself every few seconds, and is gone when it has not for some more. */
export class ClusterNodes {
  readonly #options: ClusterNodesOptions;
  readonly #since = Date.now();
  #follows: StreamPosition | null = null;
  #epoch: string | undefined;
  #naming: NodeJS.Timeout | undefined;
  #isNaming = false;
  /** As they were read last. */
  #known: readonly ClusterNode[] = [];
  #knownAt = -Infinity;
  /** The reading that is under way, and the one behind it. */
  #reading: Promise<readonly ClusterNode[]> | undefined;
  #next: Promise<readonly ClusterNode[]> | undefined;
  /** The broker may have forgotten the others until then. */
  #certainFrom = -Infinity;
  /** Until then the others count this node among the living, whatever happens. */
  #countedUntil = -Infinity;
  #isStopped = false;

  constructor(options: ClusterNodesOptions) {
    this.#options = options;
  }

  /** How many there were when they were read last, this one included. */
  get count(): number {
    return this.#known.length;
  }

  /** Until every node that lives has had the time to name itself since the broker may have forgotten it. */
  get uncertainMs(): number {
    return Math.max(0, this.#certainFrom - performance.now());
  }

  /** Do the others certainly wait until this node has confirmed an order? */
  get isCounted(): boolean {
    return performance.now() < this.#countedUntil;
  }

  /** Resolves when the others can know of this node, which carries out what is ordered from there on. */
  async start(follows: StreamPosition): Promise<void> {
    this.#follows = follows;
    this.#epoch = follows.epoch;
    await this.comeBack(async () => {});
    await this.list();
    this.#naming = setInterval(() => void this.nameAgain(), this.#options.limits.nodeIntervalMs);
    this.#naming.unref();
  }

  /** Resolves when the others can know that it has gone. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#naming);
    await this.#options.broker.removePresence(NODES, this.#options.nodeId);
  }

  /** As the others see this one. */
  get self(): ClusterNode {
    const { connections, subscriptions, isAttached } = this.#options.loadOf();
    const { nodeId: id } = this.#options;
    const load = { connections, subscriptions, isAttached };
    return { id, since: this.#since, ...load, follows: this.#follows };
  }

  /** Orders are in that epoch: in another one than before, the broker has lost what it knew. */
  sawEpoch(epoch: string): void {
    if (this.#epoch === epoch) return;
    this.#epoch = epoch;
    this.doubt();
  }

  /** The broker may have lost what it knew of the nodes: each will name itself again in its time. */
  doubt(): void {
    this.#certainFrom = performance.now() + this.#options.limits.nodeIntervalMs + LATENESS_MS;
    void this.nameAgain();
  }

  /** From here on it carries out what is ordered: what was before it need not do any more. */
  async follow(position: StreamPosition): Promise<void> {
    this.#follows = position;
    await this.nameAgain();
  }

  /** Where it began to carry out orders. */
  get follows(): StreamPosition | null {
    return this.#follows;
  }

  /** What others go by has changed: they know it at once, whatever is under way. Never rejects. */
  async renew(): Promise<void> {
    if (this.#isStopped) return;
    await this.#name().catch((error: unknown) => this.#options.onError(error));
  }

  /** Names this node, unless it is just being named. Never rejects. */
  async nameAgain(): Promise<void> {
    if (this.#isNaming || this.#isStopped) return; // one that hangs is not helped by another behind it
    this.#isNaming = true;
    try {
      await this.#name();
      await this.list();
    } catch (error) {
      this.#options.onError(error);
    }
    this.#isNaming = false;
  }

  /**
   * Names this node, and counts it among the living again when it has caught up with what was ordered while
   * the others may not have. Rejects as the broker and `catchUp` do.
   */
  async comeBack(catchUp: () => Promise<void>): Promise<void> {
    const namedAt = performance.now();
    await this.#name();
    await catchUp();
    this.#countedUntil = namedAt + this.#options.limits.nodeTtlMs;
  }

  /** The nodes that live, read after this call; once for all who ask meanwhile. */
  async list(): Promise<readonly ClusterNode[]> {
    this.#next ??= this.#readNext();
    return await this.#next;
  }

  /** Is there such a node? Whoever asks for one that there is not does not make the broker work. */
  async has(nodeId: string): Promise<boolean> {
    const ageMs = performance.now() - this.#knownAt;
    const isKnown = includes(this.#known, nodeId);
    if (isKnown && ageMs < this.#options.limits.nodeIntervalMs) return true;
    if (ageMs < FRESH_MS) return isKnown;
    return includes(await this.list(), nodeId);
  }

  async #readNext(): Promise<readonly ClusterNode[]> {
    await this.#reading?.catch(() => {});
    this.#next = undefined;
    this.#reading = this.#read();
    try {
      return await this.#reading;
    } finally {
      this.#reading = undefined;
    }
  }

  async #read(): Promise<readonly ClusterNode[]> {
    const infos = await this.#options.broker.presence(NODES);
    this.#known = infos.map(nodeOf);
    this.#knownAt = performance.now();
    return this.#known;
  }

  async #name(): Promise<void> {
    const { broker, limits } = this.#options;
    const namedAt = performance.now();
    const { id: client, since, ...said } = this.self;
    const info = { user: '', client, chanInfo: JSON.stringify(said), since };
    await broker.addPresence(NODES, info, limits.nodeTtlMs);
    // One that was not counted for a moment has not heard what was ordered in it.
    if (this.isCounted) this.#countedUntil = namedAt + limits.nodeTtlMs;
  }
}

function includes(nodes: readonly ClusterNode[], nodeId: string): boolean {
  return nodes.some(({ id }) => id === nodeId);
}

/** Reads how a node has named itself: whatever else it says, it lives. */
function nodeOf({ client: id, since, chanInfo = '' }: ClientInfo): ClusterNode {
  const { connections, subscriptions, isAttached, follows } = fieldsOf(parseJson(chanInfo));
  return {
    id,
    since,
    connections: numberOf(connections),
    subscriptions: numberOf(subscriptions),
    isAttached: isAttached !== false,
    follows: positionOf(follows),
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function positionOf(value: unknown): StreamPosition | null {
  const { epoch, offset } = fieldsOf(value);
  return typeof epoch === 'string' && typeof offset === 'number' ? { epoch, offset } : null;
}
