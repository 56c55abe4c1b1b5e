import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { pathOf } from './door.ts';

/** Answers a request. Must not throw. */
type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Handlers by path. */
export type Claims = ReadonlyMap<string, RequestHandler>;

/** With what Node hands a request to a server's listeners. */
const REQUEST_EVENTS: ReadonlySet<string | symbol> = new Set([
  'request',
  'checkContinue',
  'checkExpectation',
]);

/** A claim on the paths of a map. */
interface Claim {
  readonly claims: Claims;
  /** Only there for what it has begun: after everybody who stays. */
  readonly isLeaving: boolean;
}

const deskOf = new WeakMap<Server, Desk>();

/**
 * Takes the requests of some paths away from whoever else listens to a server, before or after this
 * call: a framework's body parser would eat the body, its prefix change the path, its last word be 404.
 * Of two claims on one path the first one counts, but for one that is leaving. Returns how to give the
 * paths back.
 */
export function claimPaths(
  server: Server,
  claims: Claims,
  { isLeaving = false }: { isLeaving?: boolean } = {},
): () => void {
  const desk = deskOf.get(server) ?? new Desk(server);
  deskOf.set(server, desk);
  const claim: Claim = { claims, isLeaving };
  desk.add(claim);
  return () => desk.remove(claim);
}

/**
 * Stands where events are handed out, not among those who listen: a listener of our own could not keep
 * a request from the others, and of others we would have to know who comes and goes.
 */
class Desk {
  /** In the order in which they count. */
  #claims: readonly Claim[] = [];
  readonly #server: Server;
  /** What stood in its place; `undefined`: nothing but the server's class. */
  readonly #before: unknown;

  constructor(server: Server) {
    this.#server = server;
    this.#before = Object.hasOwn(server, 'emit') ? Reflect.get(server, 'emit') : undefined;
    server.emit = this.#emit as Server['emit'];
  }

  add(claim: Claim): void {
    const claims = [...this.#claims, claim];
    this.#claims = claims.toSorted((a, b) => Number(a.isLeaving) - Number(b.isLeaving));
  }

  remove(claim: Claim): void {
    this.#claims = this.#claims.filter((other) => other !== claim);
    if (this.#claims.length === 0) this.#leave();
  }

  /** Somebody may have taken its place in turn: then it stays, and lets everything pass. */
  #leave(): void {
    if (Reflect.get(this.#server, 'emit') !== this.#emit) return;
    if (this.#before === undefined) Reflect.deleteProperty(this.#server, 'emit');
    else Reflect.set(this.#server, 'emit', this.#before);
    deskOf.delete(this.#server);
  }

  readonly #emit = (event: string, ...args: unknown[]): boolean => {
    if (this.#take(event, args)) return true;
    const server = this.#server;
    const emit = this.#before ?? Reflect.get(Object.getPrototypeOf(server) as Server, 'emit');
    return Reflect.apply(emit as Server['emit'], server, [event, ...args]);
  };

  #take(event: string, args: unknown[]): boolean {
    if (this.#claims.length === 0 || !REQUEST_EVENTS.has(event)) return false;
    const [request, response] = args as [IncomingMessage, ServerResponse];
    // HTTP/2 ends at a proxy: what we say of the connection would be an error there.
    const handler = request.httpVersionMajor === 1 && this.#handlerOf(pathOf(request));
    if (!handler) return false;
    if (event === 'checkContinue') response.writeContinue();
    handler(request, response);
    return true;
  }

  #handlerOf(path: string): RequestHandler | undefined {
    for (const { claims } of this.#claims) {
      const handler = claims.get(path);
      if (handler) return handler;
    }
    return undefined;
  }
}
