/** Where clients connect, unless the server says otherwise. */
export const CONNECTION_PATH = '/connection/websocket';

/** Where those connect who cannot open a WebSocket. */
export interface FallbackPaths {
  /** A response that never ends, one reply a line. */
  readonly httpStream: string;
  /** The same as server-sent events. */
  readonly sse: string;
  /** What such a client says, one request each time. */
  readonly emulation: string;
}

const ROOT = '/connection/';

/**
 * The paths of the HTTP fallback that belong to a WebSocket's: server and page find them alone. Those
 * of `/connection/websocket` are the protocol's own (`/connection/http_stream`, `/connection/sse`,
 * `/emulation`), behind whatever prefix a proxy takes away; those of any other path lie below it.
 */
export function fallbackPaths(path: string): FallbackPaths {
  const [base, root] = path.endsWith(CONNECTION_PATH)
    ? [path.slice(0, -CONNECTION_PATH.length), ROOT]
    : [path.replace(/\/$/, ''), '/'];
  return {
    httpStream: `${base}${root}http_stream`,
    sse: `${base}${root}sse`,
    emulation: `${base}/emulation`,
  };
}
