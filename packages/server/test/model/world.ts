import { type Channel, channelKey } from '@trunkline/contract';
import { type Broker, type Limits, MemoryBroker, Node, sendEvent } from '@trunkline/server';
import { Session, type SessionInit, SlowBroker } from '@trunkline/server/testing';
import { Actor } from './actor.ts';
import { App, delay, TOKEN_GRACE_MS } from './app.ts';
import { FaultyBroker } from './faulty-broker.ts';
import { type Frame, type History, PublisherLedger, payloadOf } from './ledger.ts';
import { createMemorySocket, MemoryNetwork, type Visit } from './memory-socket.ts';
import { type FoundNode, presenceKey } from './model.ts';
import { roomRules } from './room-rules.ts';
import { channelOf, type Person, PRESENCE_ROOMS, type Scenario, TENANT_IDS } from './scenario.ts';

/** Which engine a world runs on. */
export type Engine = 'memory' | 'slow';

/** What a world is made from. */
export interface WorldInit extends Pick<Scenario, 'cast' | 'maxBacklogBytes'> {
  readonly engine: Engine;
  readonly random: () => number;
  /** Spoils what the server writes, to see whether it is found out. */
  readonly tamper?: (frame: string) => string;
}

/** What is published. */
interface Content {
  /** How much heavier it is than it must be. */
  readonly bytes: number;
  readonly conflationKey: string | null;
  readonly isVolatile: boolean;
}

const KIB = 1024;
const smallHistory = { size: 8, ttlMs: 2_000, maxBytes: 24 * KIB };
/** Limits of the model's node that are not the defaults: small, so that all are met in a few steps. */
export const worldLimits: Partial<Limits> = {
  history: smallHistory,
  userHistory: { ...smallHistory, size: 5 },
  maxQueuedBytes: 80 * KIB,
  maxRecoveryBytes: 40 * KIB,
  pingIntervalMs: 2_000,
  pongTimeoutMs: 1_000,
  gapCheckMs: 150,
  tokenLeadMs: 200,
  tokenGraceMs: TOKEN_GRACE_MS,
  publishesPerSecond: 200,
  publishBurst: 30,
  fanOutSlice: 3,
  fanOutBytesPerSecond: 4 * KIB * KIB,
  fanOutBurstBytes: 256 * KIB,
};
/** How long a stream is remembered without its items: then it begins again, in another epoch. */
const STREAM_TTL_MS = 3_000;
const MAX_BROKER_DELAY_MS = 16;
const MAX_LATENCY_MS = 8;
const RETRY_MS = 20;

/** One node, its network, its app, and the stock clients of a cast, with both ledgers listening. */
export class World {
  readonly node: Node;
  readonly app: App;
  readonly network: MemoryNetwork;
  readonly broker: FaultyBroker;
  readonly actors: readonly Actor[];
  /** Connections that were written to after their token's end. */
  readonly overdue = new Set<string>();
  readonly #published = new PublisherLedger();
  readonly #frames: Frame[] = [];
  readonly #losesUnkept: boolean;
  readonly #tamper: (frame: string) => string;
  readonly #working = new Set<Promise<void>>();

  constructor({ cast, engine, random, maxBacklogBytes, tamper }: WorldInit) {
    this.#tamper = tamper ?? ((frame) => frame);
    this.#losesUnkept = maxBacklogBytes < Infinity;
    this.app = new App(cast, random);
    // Only a broker that is far away can lose what nobody asks for before it comes again.
    this.broker = new FaultyBroker(createBroker(engine, random), engine === 'slow');
    this.network = new MemoryNetwork({
      accept: (visit, transport) => this.#accept(visit, transport),
      onFrame: (visit, frame) => this.#write(visit, frame),
      latencyMs: () => Math.floor(random() * MAX_LATENCY_MS),
    });
    this.node = new Node({
      authenticate: (handshake) => this.app.authenticate(handshake),
      roomsOf: (principal) => this.app.roomsOf(principal),
      rooms: roomRules((answer) => this.app.authorize(answer)),
      channelCompaction: true,
      limits: { ...worldLimits, maxFanOutBacklogBytes: maxBacklogBytes },
      broker: this.broker,
      audit: { record: () => {} },
      log: { info: () => {}, warn: () => {}, error: () => {} },
    });
    const websocket = createMemorySocket(this.network);
    this.actors = cast.map((person, index) => {
      const getToken = async () => this.app.issueToken(index);
      // A delta upon what somebody has taken off the wire is more than a stock client can bear.
      const wantsDeltas = !tamper && index % 2 === 1;
      return new Actor({
        index,
        person,
        websocket,
        getToken,
        publishers: this.#published,
        wantsDeltas,
      });
    });
  }

  /** What the node says of itself. */
  found(): FoundNode {
    const { connections, unauthenticated, channels, counts } = this.node.stats();
    const { isolationViolations } = counts;
    return { connections, unauthenticated, channels, isolationViolations };
  }

  /** How many connections the node's books still have, by user and by tenant. */
  booked(): { ofUsers: number; ofTenants: number } {
    const { connections, tenants } = this.node;
    const people = this.actors.map(({ person: { tenantId, userId } }) => {
      return { userId, realm: channelOf(tenantId, { kind: 'all' }).realm };
    });
    const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
    return {
      ofUsers: sum(people.map(({ realm, userId }) => connections.of(realm, userId).length)),
      ofTenants: sum(people.map(({ realm }) => tenants.of(realm).connections)),
    };
  }

  /** Who is present where, by tenant and room: the actors' numbers, -1 for nobody of the cast. */
  async presences(): Promise<Record<string, number[]>> {
    const rooms = TENANT_IDS.flatMap((tenantId) =>
      PRESENCE_ROOMS.map((room) => ({ tenantId, room })),
    );
    const asking = rooms.map(async ({ tenantId, room }) => {
      const present = await this.node.presence(
        channelKey(channelOf(tenantId, { kind: 'room', room })),
      );
      const found = present.map(({ client }) =>
        this.actors.findIndex(({ clientId }) => clientId === client),
      );
      return [presenceKey(tenantId, room), found.toSorted((a, b) => a - b)] as const;
    });
    return Object.fromEntries(await Promise.all(asking));
  }

  /** Publishes without waiting for what becomes of it: that follows in the ledger. */
  publish(channel: Channel, content: Partial<Content> = {}): void {
    this.#work(
      this.#publish(channel, { bytes: 0, conflationKey: null, isVolatile: false, ...content }),
    );
  }

  /** The app puts a user into a team, or takes them out, and says so to the server until it is done. */
  move(person: Person, room: string): void {
    this.app.move(person, room);
    this.#work(this.#announceMove(person, room));
  }

  /** Is everything done that was begun? */
  get isDone(): boolean {
    return this.#working.size === 0;
  }

  /** From here on nothing goes wrong any more. */
  calm(): void {
    this.broker.calm();
    this.app.expireNoMore();
  }

  /** What both ledgers say until now. */
  history(): History {
    return {
      tenantIds: TENANT_IDS,
      losesUnkept: this.#losesUnkept,
      published: this.#published.published,
      readers: this.actors.flatMap((actor) => actor.readers()),
      frames: this.#frames,
    };
  }

  async #publish(channel: Channel, { bytes, conflationKey, isVolatile }: Content): Promise<void> {
    const tenantId = channel.realm.kind === 'tenant' ? channel.realm.tenantId : '';
    const conflation = conflationKey === null ? {} : { conflationKey };
    const about = { channel: channelKey(channel), tenantId, isVolatile, ...conflation };
    const call = this.#published.call(about);
    const json = JSON.stringify(payloadOf(call, bytes));
    const sealed = { id: call.id, type: 'model', json, bytes: json.length, ...conflation };
    const receipt = await sendEvent(this.node, channel, sealed, { volatile: isVolatile });
    if (receipt.status === 'unknown') return call.settle('unknown');
    if (receipt.status === 'dropped') return call.settle('rejected');
    const { epoch, offset } = receipt;
    call.settle('accepted', offset > 0 ? { epoch, offset } : null);
  }

  async #announceMove({ userId, ...person }: Person, room: string): Promise<void> {
    const { users } = this.node;
    const user = { userId, realm: channelOf(person.tenantId, { kind: 'all' }).realm };
    try {
      if (this.app.isIn({ userId, ...person }, room)) await users.joinRoom(user, room);
      else await users.leaveRoom(user, room);
    } catch {
      await delay(RETRY_MS);
      await this.#announceMove({ userId, ...person }, room);
    }
  }

  #work(work: Promise<void>): void {
    const working = work.finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  #accept({ url, number }: Visit, transport: SessionInit['transport']): Session {
    const headers = { 'sec-websocket-key': String(number) };
    const handshake = { headers, url, remoteAddress: '127.0.0.1' };
    return new Session({ node: this.node, transport, handshake });
  }

  #write({ url, number }: Visit, frame: string): string {
    const actor = this.actors.find((each) => each.url === url);
    if (!actor) throw new Error(`Nobody comes from ${url}`);
    if (this.app.isOverdue(String(number))) this.overdue.add(`${actor.name.client} ${number}`);
    const text = this.#tamper(frame);
    this.#frames.push({ ...actor.name, text });
    return text;
  }
}

function createBroker(engine: Engine, random: () => number): Broker {
  if (engine === 'slow') return new SlowBroker({ random, maxDelayMs: MAX_BROKER_DELAY_MS });
  return new MemoryBroker({ streamTtlMs: STREAM_TTL_MS });
}
