import type { Server } from 'node:http';
import { CONNECTION_PATH, fallbackPaths } from '@trunkline/contract';
import { addressBehind } from './client-address.ts';
import type { DoorSetup } from './door.ts';
import { type HttpPaths, openHttpDoors } from './http-doors.ts';
import type { Node } from './node.ts';
import { ANY_ORIGIN } from './origin.ts';
import { Session, type SessionInit } from './session.ts';
import { openUpgradeDoor } from './upgrade.ts';

/** How a node is attached to an HTTP server. */
export interface AttachOptions {
  /** Where clients connect. Default `/connection/websocket`. */
  path?: string;
  /**
   * Where those connect who cannot open a WebSocket; `false`: they stay out. Default: the protocol's
   * own paths, `/connection/http_stream`, `/connection/sse` and `/emulation`; with another `path`,
   * `http_stream`, `sse` and `emulation` below it.
   */
  httpFallback?: HttpFallback | false;
  /**
   * Origins that may connect besides the server's own, e.g. `https://app.example.com`. `*` lets every
   * page in, and must stand alone: only for servers whose clients bring tokens, never cookies or HTTP
   * credentials that a browser sends on its own (Basic, Digest, Negotiate, NTLM).
   */
  origins?: readonly string[];
  /** Addresses or networks of proxies whose `X-Forwarded-For` counts. Default: none. */
  trustedProxies?: readonly string[];
}

/** The paths of the HTTP fallback that differ from the defaults. */
export interface HttpFallback {
  /** Where the replies stream, asked for by POST. */
  httpStream?: string;
  /**
   * The same as server-sent events. `false`: not at all, since an `EventSource` has its connect command,
   * token and all, in the URL.
   */
  sse?: string | false;
  /** Where commands are posted. */
  emulation?: string;
}

/** A node's doors on an HTTP server. */
export interface Door {
  /**
   * Takes the doors off: new connections are no longer ours. Those that exist stay, and the path of the
   * POSTs with those that need it: until the last of the node's streams has ended.
   */
  detach(): void;
}

/**
 * Lets clients in through an HTTP server: by WebSocket, and by plain HTTP who cannot open one. Other
 * paths are left alone, and nothing else that listens for the server's requests sees those of ours.
 */
export function attach(server: Server, node: Node, options: AttachOptions = {}): Door {
  return attachWith(server, node, options, (init) => new Session(init));
}

/** As `attach`, with sessions of another make. */
export function attachWith(
  server: Server,
  node: Node,
  options: AttachOptions,
  createSession: (init: SessionInit) => Session,
): Door {
  const { path = CONNECTION_PATH, httpFallback, origins = [], trustedProxies = [] } = options;
  const setup: DoorSetup = {
    node,
    origins: checkOrigins(origins),
    addressOf: addressBehind(trustedProxies),
    createSession,
  };
  const paths = httpFallback === false ? null : checkPaths(path, httpFallback);
  const doors = [openUpgradeDoor(server, setup, path)];
  if (paths) doors.push(openHttpDoors(server, setup, paths));
  node.cluster.attached();
  return {
    detach: () => {
      for (const close of doors) close();
    },
  };
}

/** Does every page that may bring cookies have a name? */
function checkOrigins(origins: readonly string[]): readonly string[] {
  if (origins.includes(ANY_ORIGIN) && origins.length > 1) {
    throw new TypeError("origins is a list of origins or ['*'] alone, got both");
  }
  return origins;
}

function checkPaths(path: string, changes: HttpFallback = {}): HttpPaths {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const defaults = fallbackPaths(path);
  const paths: HttpPaths = { ...defaults, ...Object.fromEntries(given) };
  for (const [name, value] of Object.entries(paths)) {
    const isOff = name === 'sse' && value === false;
    if (!(name in defaults)) throw new TypeError(`httpFallback has no ${name}`);
    if (!isOff && !isPath(value)) {
      throw new TypeError(`httpFallback.${name} is a path like /connection/sse, got ${value}`);
    }
  }
  const all = Object.values(paths);
  if (new Set(all).size < all.length) {
    throw new TypeError(`httpFallback has a path for each of its doors, got ${all.join(', ')}`);
  }
  return paths;
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^\/[^?#]*$/.test(value);
}
