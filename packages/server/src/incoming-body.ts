import type { IncomingMessage } from 'node:http';
import { BUSY, type Refusal, TOO_MANY } from './admission.ts';
import { type AddressOf, addressBlock } from './client-address.ts';
import type { DoorSetup } from './door.ts';
import type { Node } from './node.ts';
import { decodeUtf8 } from './protocol/utf8.ts';

/** What came of a body: its text (`null`: no UTF-8), or why it was not read; `gone` with its client. */
export type Body = { readonly text: string | null } | { readonly refusal: Refusal } | 'gone';

const TOO_LATE: Refusal = { status: 408 };
const TOO_LARGE: Refusal = { status: 413 };
/** Pieces in which one body may arrive; a client that needs more is no client. */
const MAX_CHUNKS = 1024;
/** A client sends its body in one go; who takes longer makes room where there is none. */
const PATIENCE_MS = 1_000;

/** The body of a request on its way in; of one that is too large, nothing is kept. */
export class IncomingBody {
  readonly since: number = performance.now();
  readonly #node: Node;
  readonly #outcome = Promise.withResolvers<Body>();
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isRefused = false;

  constructor(request: IncomingMessage, node: Node) {
    this.#node = node;
    if (Number(request.headers['content-length']) > node.limits.maxMessageBytes) {
      this.#refuseLarge();
      return;
    }
    request.on('data', (chunk: Buffer) => this.#add(chunk));
    request.on('end', () => {
      this.#outcome.resolve({ text: decodeUtf8(Buffer.concat(this.#chunks)) });
    });
    request.on('close', () => this.#outcome.resolve('gone'));
  }

  /** Resolves when it is complete, refused or will not come; several do in the order of their ends. */
  get outcome(): Promise<Body> {
    return this.#outcome.promise;
  }

  refuse(refusal: Refusal): void {
    this.#isRefused = true;
    this.#chunks = [];
    this.#outcome.resolve({ refusal });
  }

  #add(chunk: Buffer): void {
    if (this.#isRefused) return;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    const isTooLarge = this.#bytes > this.#node.limits.maxMessageBytes;
    if (isTooLarge || this.#chunks.length > MAX_CHUNKS) this.#refuseLarge();
  }

  #refuseLarge(): void {
    this.#node.exceeded('maxMessageBytes');
    this.refuse(TOO_LARGE);
  }
}

/**
 * Reads bodies from nobody knows whom: each in its time, so many at once, and so many from one address.
 * Where there is no room, it is at the cost of those who take most.
 */
export class BodyReader {
  readonly #node: Node;
  readonly #addressOf: AddressOf;
  /** Those on their way, the oldest first, and the block of addresses that each comes from. */
  readonly #bodies = new Map<IncomingBody, string>();
  /** How many come from a block. */
  readonly #shares = new Map<string, number>();

  constructor({ node, addressOf }: Pick<DoorSetup, 'node' | 'addressOf'>) {
    this.#node = node;
    this.#addressOf = addressOf;
  }

  async read(request: IncomingMessage): Promise<Body> {
    const block = addressBlock(this.#addressOf(request));
    const refusal = this.#refusalFor(block);
    if (refusal?.limit) this.#node.exceeded(refusal.limit);
    if (refusal) return { refusal };
    const body = new IncomingBody(request, this.#node);
    this.#add(body, block);
    const deadline = setTimeout(() => this.#refuseLate(body), this.#node.limits.connectDeadlineMs);
    const outcome = await body.outcome;
    clearTimeout(deadline);
    this.#remove(body);
    return outcome;
  }

  /** `null`: there is room, or there is now. */
  #refusalFor(block: string): Refusal | null {
    const { maxUnauthenticated, maxUnauthenticatedPerAddress } = this.#node.limits;
    if (this.#shareOf(block) >= maxUnauthenticatedPerAddress && !this.#refuseSlowest(block)) {
      return { ...TOO_MANY, limit: 'maxUnauthenticatedPerAddress' };
    }
    if (this.#bodies.size < maxUnauthenticated) return null;
    const hasRoom = this.#refuseLargestShare(block) || this.#refuseSlowest(block);
    return hasRoom ? null : { ...BUSY, limit: 'maxUnauthenticated' };
  }

  #refuseLate(body: IncomingBody): void {
    this.#node.exceeded('connectDeadlineMs');
    body.refuse(TOO_LATE);
  }

  /** Makes room at the cost of the block's own slowest. `false`: none of them is slow. */
  #refuseSlowest(block: string): boolean {
    const oldest = this.#oldest((owner) => owner === block);
    if (!oldest || performance.now() - oldest.since < PATIENCE_MS) return false;
    this.#makeWay(oldest);
    return true;
  }

  /** Makes room at the cost of who has most. `false`: none has more than the block itself. */
  #refuseLargestShare(block: string): boolean {
    const largest = [...this.#shares.values()].reduce((most, share) => Math.max(most, share), 0);
    if (largest <= this.#shareOf(block)) return false;
    const oldest = this.#oldest((owner) => this.#shareOf(owner) === largest);
    if (oldest) this.#makeWay(oldest);
    return oldest !== undefined;
  }

  #oldest(isMeant: (block: string) => boolean): IncomingBody | undefined {
    for (const [body, block] of this.#bodies) if (isMeant(block)) return body;
    return undefined;
  }

  #makeWay(body: IncomingBody): void {
    body.refuse(TOO_LATE);
    this.#remove(body);
  }

  #shareOf(block: string): number {
    return this.#shares.get(block) ?? 0;
  }

  #add(body: IncomingBody, block: string): void {
    this.#bodies.set(body, block);
    this.#shares.set(block, this.#shareOf(block) + 1);
  }

  // Each is forgotten when it makes way and when it has been read: only once does it count.
  #remove(body: IncomingBody): void {
    const block = this.#bodies.get(body);
    if (block === undefined) return;
    this.#bodies.delete(body);
    const left = this.#shareOf(block) - 1;
    if (left > 0) this.#shares.set(block, left);
    else this.#shares.delete(block);
  }
}
