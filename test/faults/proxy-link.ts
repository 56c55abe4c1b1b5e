import type { Socket } from 'node:net';
import { Pipe } from './proxy-pipe.ts';
import {
  type Damage,
  type Direction,
  type Directions,
  directionsOf,
  type Shape,
} from './proxy-shape.ts';
import { reset } from './reset.ts';

/** What a link needs to know, and tells. */
export interface LinkInit {
  readonly client: Socket;
  readonly server: Socket;
  readonly random: () => number;
  readonly onBytes: (direction: Direction, count: number) => void;
  readonly onDamaged: () => void;
  readonly onClosed: (link: Link) => void;
}

/** One connection through the proxy. */
export class Link {
  readonly #init: LinkInit;
  readonly #pipes: Readonly<Record<Direction, Pipe>>;
  /** The side that has gone, while the other must not know. */
  #unspoken: Direction | null = null;
  #flapTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(init: LinkInit) {
    this.#init = init;
    const { client, server, random, onDamaged } = init;
    const pipe = (direction: Direction, from: Socket, to: Socket) => {
      return new Pipe({
        from,
        to,
        random,
        onDamaged,
        onBytes: (count) => init.onBytes(direction, count),
      });
    };
    this.#pipes = { c2s: pipe('c2s', client, server), s2c: pipe('s2c', server, client) };
    for (const [socket, direction] of [
      [client, 'c2s'],
      [server, 's2c'],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', (hadError) => this.#sideClosed(direction, hadError));
    }
  }

  shape(shapes: Readonly<Record<Direction, Shape>>): void {
    for (const direction of directionsOf('both')) this.#pipes[direction].shape = shapes[direction];
    if (this.#unspoken && !this.#pipes[this.#unspoken].isDark) this.reset();
  }

  damageNext(damage: Damage, directions: Directions): void {
    for (const direction of directionsOf(directions)) this.#pipes[direction].damageNext(damage);
  }

  /** Tells one side, or both, that the other has nothing more to say. */
  halfClose(directions: Directions): void {
    for (const direction of directionsOf(directions)) this.#pipes[direction].end();
  }

  resetAfter(ms: number, onReset: () => void): void {
    clearTimeout(this.#flapTimer);
    this.#flapTimer = setTimeout(() => {
      onReset();
      this.reset();
    }, ms);
  }

  stayUp(): void {
    clearTimeout(this.#flapTimer);
  }

  /** RST to both sides. */
  reset(): void {
    reset(this.#init.client);
    reset(this.#init.server);
    this.#close();
  }

  /** A side that ends in order is told on by its pipe; one that breaks off takes the other with it. */
  #sideClosed(direction: Direction, hadError: boolean): void {
    if (this.#pipes[direction].isDark) {
      this.#unspoken = direction;
      return;
    }
    if (hadError) this.reset();
    else if (this.#init.client.destroyed && this.#init.server.destroyed) this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#flapTimer);
    for (const direction of directionsOf('both')) this.#pipes[direction].destroy();
    this.#init.onClosed(this);
  }
}
