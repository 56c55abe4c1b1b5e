import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { seeded } from '../../packages/server/test/seeded.ts';
import { lastingPort } from '../services/lasting-port.ts';
import { Link } from './proxy-link.ts';
import { type Damage, type Directions, directionsOf, type Shape } from './proxy-shape.ts';

/** What went through a proxy, and what it did. */
interface ProxyCounts {
  /** Connections there are now. */
  readonly open: number;
  readonly accepted: number;
  /** Connections that it has reset. */
  readonly resets: number;
  readonly halfCloses: number;
  /** Chunks that were duplicated in part, or had bits flipped. */
  readonly damages: number;
  /** Bytes that it let through. */
  readonly c2s: number;
  readonly s2c: number;
}

/** A cable between a client and a server, whose faults can be switched while it is in use. */
export interface Cable {
  /** Where clients connect: the same until the end. */
  readonly port: number;
  /** Nothing is wrong any more. */
  pass(): Promise<void>;
  /** Replaces what is done to the bytes of these directions. */
  shape(shape: Shape, directions?: Directions): Promise<void>;
  delay(delayMs: number, jitterMs?: number, directions?: Directions): Promise<void>;
  throttle(bytesPerSecond: number, directions?: Directions): Promise<void>;
  chop(chopBytes: number, directions?: Directions): Promise<void>;
  blackhole(directions?: Directions): Promise<void>;
  /** RST to both sides of all connections, or of a part of them taken at random. */
  rst(share?: number): Promise<void>;
  /** From now on each connection is reset at a random age, from when it came or from now. `null`: no more. */
  flap(agesMs: { readonly fromMs: number; readonly toMs: number } | null): Promise<void>;
  /** To the server's side (`c2s`), the client's, or both: that is all. The connections stay. */
  halfClose(directions?: Directions): Promise<void>;
  /** On each connection there is: the last so many of the next bytes come twice. */
  dup(bytes: number, directions: Directions): Promise<void>;
  /** On each connection there is: so many of the next bits are the other way round. */
  flip(bits: number, directions: Directions): Promise<void>;
  /** New connections are refused, until `pass`. */
  refuse(): Promise<void>;
  /** New connections go there. */
  aim(targetPort: number): Promise<void>;
  counts(): Promise<ProxyCounts>;
  close(): Promise<void>;
}

/** How a proxy is made. */
export interface ProxyOptions {
  readonly targetPort: number;
  readonly seed?: number;
}

/** Starts a TCP proxy on loopback, in this process. */
export async function startProxy({ targetPort, seed = 1 }: ProxyOptions): Promise<Cable> {
  const proxy = new Proxy(await lastingPort(), targetPort, seeded(seed));
  await proxy.listen();
  return proxy;
}

const BACKLOG = 4_096;

class Proxy implements Cable {
  readonly port: number;
  readonly #server: Server;
  readonly #random: () => number;
  readonly #links = new Set<Link>();
  #targetPort: number;
  #shapes: { c2s: Shape; s2c: Shape } = { c2s: {}, s2c: {} };
  #agesMs: { readonly fromMs: number; readonly toMs: number } | null = null;
  readonly #counts = { accepted: 0, resets: 0, halfCloses: 0, damages: 0, c2s: 0, s2c: 0 };

  constructor(port: number, targetPort: number, random: () => number) {
    this.port = port;
    this.#targetPort = targetPort;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  async listen(): Promise<void> {
    if (this.#server.listening) return;
    this.#server.listen(this.port, '127.0.0.1', BACKLOG);
    await once(this.#server, 'listening');
  }

  async pass(): Promise<void> {
    await this.flap(null);
    await this.shape({});
    await this.listen();
  }

  async shape(shape: Shape, directions: Directions = 'both'): Promise<void> {
    for (const direction of directionsOf(directions)) this.#shapes[direction] = shape;
    for (const link of [...this.#links]) link.shape(this.#shapes);
  }

  async delay(delayMs: number, jitterMs = 0, directions: Directions = 'both'): Promise<void> {
    await this.shape({ delayMs, jitterMs }, directions);
  }

  async throttle(bytesPerSecond: number, directions: Directions = 'both'): Promise<void> {
    await this.shape({ bytesPerSecond }, directions);
  }

  async chop(chopBytes: number, directions: Directions = 'both'): Promise<void> {
    await this.shape({ chopBytes }, directions);
  }

  async blackhole(directions: Directions = 'both'): Promise<void> {
    await this.shape({ isBlackhole: true }, directions);
  }

  async rst(share = 1): Promise<void> {
    for (const link of [...this.#links]) if (this.#random() < share) this.#reset(link);
  }

  async flap(agesMs: { readonly fromMs: number; readonly toMs: number } | null): Promise<void> {
    this.#agesMs = agesMs;
    for (const link of this.#links) this.#flapLater(link);
  }

  async halfClose(directions: Directions = 'both'): Promise<void> {
    for (const link of [...this.#links]) link.halfClose(directions);
    this.#counts.halfCloses += this.#links.size;
  }

  async dup(bytes: number, directions: Directions): Promise<void> {
    this.#damageNext({ kind: 'dup', amount: bytes }, directions);
  }

  async flip(bits: number, directions: Directions): Promise<void> {
    this.#damageNext({ kind: 'flip', amount: bits }, directions);
  }

  async refuse(): Promise<void> {
    // It stops listening; those that are connected do not notice.
    if (this.#server.listening) this.#server.close();
  }

  async aim(targetPort: number): Promise<void> {
    this.#targetPort = targetPort;
  }

  async counts(): Promise<ProxyCounts> {
    return { open: this.#links.size, ...this.#counts };
  }

  async close(): Promise<void> {
    for (const link of [...this.#links]) link.reset();
    this.#server.close();
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true });
    const link = new Link({
      client,
      server,
      random: this.#random,
      onBytes: (direction, count) => (this.#counts[direction] += count),
      onDamaged: () => (this.#counts.damages += 1),
      onClosed: () => this.#links.delete(link),
    });
    this.#links.add(link);
    this.#counts.accepted += 1;
    link.shape(this.#shapes);
    this.#flapLater(link);
  }

  #flapLater(link: Link): void {
    if (!this.#agesMs) return link.stayUp();
    const { fromMs, toMs } = this.#agesMs;
    const ageMs = fromMs + (toMs - fromMs) * this.#random();
    link.resetAfter(ageMs, () => (this.#counts.resets += 1));
  }

  #reset(link: Link): void {
    this.#counts.resets += 1;
    link.reset();
  }

  #damageNext(damage: Damage, directions: Directions): void {
    for (const link of this.#links) link.damageNext(damage, directions);
  }
}
