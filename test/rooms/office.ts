import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  HandlerSet,
  type Lease,
  Registry,
  type Room,
  type RoomLease,
  type Store,
  Typing,
  toAddress,
} from '@trunkline/client';
import { type ReceivedEvent, tenantRealm } from '@trunkline/contract';
import { attach, Node, type NodeOptions, sealEvent, sendEvent } from '@trunkline/server';
import { onTestFinished } from 'vitest';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const realm = tenantRealm('acme');

/** A server of the tenant acme, and pages of its people. */
export interface Office {
  readonly node: Node;
  page(userId: string): Page;
  /** Says something to a room. */
  say(room: string, text: string): Promise<void>;
  /** The network fails until it is mended; resolves when these pages know. */
  cut(...pages: Page[]): Promise<void>;
  mend(...pages: Page[]): void;
}

/** Starts one for the length of the current test. Who a page says that it is, it is. */
export async function open(options: Partial<NodeOptions>): Promise<Office> {
  const node = new Node({
    authenticate: ({ token }) => ({ userId: token ?? '', realm, roles: [] }),
    log: quiet,
    audit: { record: () => {} },
    ...options,
  });
  const http = createServer();
  const network = new Network();
  http.on('connection', (socket) => network.carry(socket));
  attach(http, node);
  await node.start();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/connection/websocket`;
  const pages: Page[] = [];
  onTestFinished(async () => {
    for (const page of pages) page.close();
    await node.stop();
    network.cut();
    http.close();
    await once(http, 'close');
  });
  return {
    node,
    cut: async (...cutOff) => {
      network.cut();
      const gone = ({ client }: Page) => until(client.state, ({ status }) => status !== 'live');
      await Promise.all(cutOff.map(gone));
    },
    mend: (...cutOff) => {
      network.mend();
      for (const { client } of cutOff) client.reconnect();
    },
    page: (userId) => {
      const page = new Page(url, userId);
      pages.push(page);
      return page;
    },
    say: async (room, text) => {
      const event = { type: 'chat:message', data: { text } };
      const channel = { realm, target: { kind: 'room', room } } as const;
      const sealed = sealEvent(event, { realm, scope: 'room', room }, node.limits);
      await sendEvent(node, channel, sealed, { required: true });
    },
  };
}

class Network {
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  carry(socket: Socket): void {
    if (this.#isCut) socket.destroy();
    else this.#sockets.add(socket);
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  mend(): void {
    this.#isCut = false;
  }
}

/** A page of one user, as hooks would make it. */
class Page {
  readonly registry = new Registry();
  readonly lease: Lease;

  constructor(url: string, userId: string) {
    const settings = { url, getToken: () => userId, httpFallback: false } as const;
    this.lease = this.registry.acquire(toAddress(userId, settings), settings);
  }

  get client() {
    return this.lease.client;
  }

  enter(name: string): Visit {
    return new Visit(this.client.rooms.enter(name));
  }

  close(): void {
    this.lease.release();
    this.registry.enter(toAddress('', {}));
  }
}

/** Everything that a page does in a room, and what it has seen there. */
class Visit {
  readonly room: Room;
  readonly typing = new Typing();
  readonly texts: string[] = [];
  readonly replayed: string[] = [];
  readonly gaps: unknown[] = [];
  readonly #handlers = new HandlerSet();
  readonly #lease: RoomLease;
  #heard: (() => void)[] = [];

  constructor(lease: RoomLease) {
    this.#lease = lease;
    this.room = lease.room;
    this.#handlers.subscribe('chat:message', (event) => this.#hear(event));
    this.room.handlers.add(this.#handlers);
    this.room.onGap((gap) => void this.gaps.push(gap));
    this.room.presence.watch();
    this.typing.mount(this.room);
  }

  /** Resolves when this text has arrived. */
  async text(text: string): Promise<void> {
    while (!this.texts.includes(text)) {
      // oxlint-disable-next-line no-await-in-loop -- one event after the other
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  async status(status: string): Promise<void> {
    await until(this.room.status, (now) => now === status);
  }

  /** Resolves when exactly these are there, with so many connections: `ada 1`. */
  async people(...expected: string[]): Promise<void> {
    const { state } = this.room.presence;
    await until(state, () => this.names.join() === expected.toSorted().join());
  }

  get names(): string[] {
    const { members } = this.room.presence.state.get();
    return members.map(({ userId, connections }) => `${userId} ${connections}`).toSorted();
  }

  leave(): void {
    this.#lease.leave();
  }

  #hear({ data, replayed }: ReceivedEvent): void {
    this.texts.push(data.text);
    if (replayed) this.replayed.push(data.text);
    for (const resolve of this.#heard.splice(0)) resolve();
  }
}

/** Resolves when a store's value is as it should be. */
export async function until<T>(store: Store<T>, isRight: (value: T) => boolean): Promise<void> {
  if (isRight(store.get())) return;
  await new Promise<void>((resolve) => {
    const stop = store.subscribe(() => {
      if (!isRight(store.get())) return;
      stop();
      resolve();
    });
  });
}
