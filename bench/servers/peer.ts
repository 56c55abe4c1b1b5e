// What every server of the benchmark is behind its door: it answers the runner's questions over IPC
// and publishes what the load tells it to over a plain TCP connection, a line per command.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { answer } from '../../test/lab/child.ts';
import { type PublishCommand, streamName } from './control.ts';
import { type BenchEvent, newEvent } from './event.ts';
import { endProfile, startProfile } from './profiler.ts';
import { Receipts } from './receipts.ts';

/** How a server is set up for a scenario. */
export interface ServerSetup {
  /** Keeps the limits that an app would have, where the server has any. Default: raised ones. */
  readonly keepsLimits?: boolean;
  /** Clients may come back and get what they missed. */
  readonly recovers?: boolean;
  /** What its nodes share. Absent: it is one node, and shares nothing. */
  readonly redisUrl?: string;
}

/** A server that is measured. */
export interface Peer {
  /** Starts it on a free port of this machine; resolves with the port. */
  listen(setup: ServerSetup): Promise<number>;
  /** May give a promise of when it has been published. */
  publishToRoom(tenant: string, room: string, event: BenchEvent): unknown;
  publishToUser(tenant: string, user: string, event: BenchEvent): unknown;
  /** Events that were handed to a connection so far, where the server counts them. */
  deliveries?(): number;
  /** CPU that the server has used so far, where it is not this process. */
  cpuMs?(): number;
  /** Likewise its memory. */
  rssBytes?(): number;
  /** Collects its garbage, where Node.js does not. */
  collect?(): void;
}

/** Where a server is reached. */
export interface Doors {
  readonly port: number;
  readonly controlPort: number;
}

/** Puts a peer to work in this process. */
export function serve(peer: Peer): void {
  const publisher = new Publisher(peer);
  answer({
    listen: async (setup: ServerSetup): Promise<Doors> => ({
      port: await peer.listen(setup),
      controlPort: await openControl(publisher),
    }),
    publish: (command: PublishCommand) => publisher.publish(command),
    receipts: () => publisher.receipts.take(),
    deliveries: () => peer.deliveries?.(),
    cpuMs: () => peer.cpuMs?.() ?? ownCpuMs(),
    memory: () => settledMemory(peer),
    startProfile,
    endProfile,
  });
}

/** Numbers the events of every stream. */
class Publisher {
  readonly receipts: Receipts = new Receipts();
  readonly #peer: Peer;
  readonly #published = new Map<string, number[]>();

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  async publish(command: PublishCommand): Promise<void> {
    const { first, count, step = 1, events, perTurn } = command;
    if (perTurn === undefined) return await this.#publishNow(command);
    for (let done = 0; done < count * events; done += perTurn) {
      const turn = { first: first + (done % count) * step, count: perTurn, events: 1 };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await this.#publishNow({ ...command, ...turn });
      // oxlint-disable-next-line no-await-in-loop -- see above
      await nextTurn();
    }
  }

  async #publishNow(command: PublishCommand): Promise<void> {
    const { tenant, to, first, count, step = 1, events, isAwaited, isTimed } = command;
    const published = this.#countsOf(`${tenant} ${to}`);
    const publishing: unknown[] = [];
    for (let index = first; index < first + count * step; index += step) {
      const name = streamName(to, index);
      for (let left = events; left > 0; left -= 1) {
        const n = (published[index] ?? 0) + 1;
        published[index] = n;
        const sentAt = performance.now();
        const done = this.#send(tenant, to, name, newEvent(n));
        if (isTimed) this.receipts.time(done, sentAt);
        // oxlint-disable-next-line no-await-in-loop -- what is measured: one after the other
        if (isAwaited) await done;
        else if (done !== undefined) publishing.push(done);
      }
    }
    if (publishing.length > 0) await Promise.all(publishing);
  }

  #send(tenant: string, to: PublishCommand['to'], name: string, event: BenchEvent): unknown {
    if (to === 'room') return this.#peer.publishToRoom(tenant, name, event);
    return this.#peer.publishToUser(tenant, name, event);
  }

  #countsOf(streams: string): number[] {
    const known = this.#published.get(streams);
    if (known) return known;
    const counts: number[] = [];
    this.#published.set(streams, counts);
    return counts;
  }
}

async function openControl(publisher: Publisher): Promise<number> {
  const server = createServer({ noDelay: true }, (socket) => obey(socket, publisher));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function obey(socket: Socket, publisher: Publisher): void {
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) void publisher.publish(JSON.parse(line) as PublishCommand);
  });
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** As when the process has been idle for long: the young generation shrinks, too. */
function collect(): void {
  const gc = globalThis.gc as ((options: object) => void) | undefined;
  gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Memory when the garbage is gone and the heap has given back what it does not need. */
async function settledMemory(peer: Peer): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    if (peer.collect) peer.collect();
    else collect();
    // oxlint-disable-next-line no-await-in-loop -- what the collection freed is given back later
    await sleep(250);
  }
  return peer.rssBytes?.() ?? process.memoryUsage.rss();
}
