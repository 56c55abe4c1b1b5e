import type { IncomingMessage } from 'node:http';
import { BUSY, type Refusal } from './admission.ts';
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

/** Reads bodies from nobody knows whom: each in its time, and so many at once. */
export class BodyReader {
  readonly #node: Node;
  /** Those on their way, the oldest first. */
  readonly #bodies = new Set<IncomingBody>();

  constructor(node: Node) {
    this.#node = node;
  }

  async read(request: IncomingMessage): Promise<Body> {
    const { maxUnauthenticated, connectDeadlineMs } = this.#node.limits;
    if (this.#bodies.size >= maxUnauthenticated && !this.#refuseSlowest()) {
      this.#node.exceeded('maxUnauthenticated');
      return { refusal: BUSY };
    }
    const body = new IncomingBody(request, this.#node);
    this.#bodies.add(body);
    const deadline = setTimeout(() => this.#refuseLate(body), connectDeadlineMs);
    const outcome = await body.outcome;
    clearTimeout(deadline);
    this.#bodies.delete(body);
    return outcome;
  }

  #refuseLate(body: IncomingBody): void {
    this.#node.exceeded('connectDeadlineMs');
    body.refuse(TOO_LATE);
  }

  /** Makes room at the cost of the slowest. `false`: none of them is slow. */
  #refuseSlowest(): boolean {
    const [oldest] = this.#bodies;
    if (!oldest || performance.now() - oldest.since < PATIENCE_MS) return false;
    oldest.refuse(TOO_LATE);
    this.#bodies.delete(oldest);
    return true;
  }
}
