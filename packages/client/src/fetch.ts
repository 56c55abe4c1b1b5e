import { pageRegistry, type Registry } from './registry.ts';

/** The header that tells the server which connection an HTTP request belongs to. */
export const CONNECTION_HEADER = 'x-trunkline-connection';

/**
 * A `fetch` that adds the id of the page's connection to requests of the same origin, so that the
 * server can mark the events they cause as this page's own (`ignoreOwn`).
 */
export function createFetch(registry: () => Registry = pageRegistry): typeof fetch {
  return (input, init) => {
    const request = new Request(input, init);
    const clientId = registry()
      .clients.get()
      .find((client) => client.clientId !== null)?.clientId;
    const isSameOrigin = new URL(request.url).origin === globalThis.location?.origin;
    if (clientId && isSameOrigin) request.headers.set(CONNECTION_HEADER, clientId);
    return globalThis.fetch(request);
  };
}
