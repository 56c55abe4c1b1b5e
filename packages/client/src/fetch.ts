import { CONNECTION_HEADER, TENANT_HEADER } from '@trunkline/contract';
import { pageRegistry, type Registry } from './registry.ts';

/**
 * A `fetch` that tells the server, in requests of the same origin, which of the page's connections
 * they belong to, so that the events they cause are marked as this page's own (`ignoreOwn`), and
 * which tenant the page works in. A tenant that the request names itself stays.
 */
export function createFetch(registry: () => Registry = pageRegistry): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    if (new URL(request.url).origin === globalThis.location?.origin) sign(request, registry());
    return await globalThis.fetch(request);
  };
}

function sign({ headers }: Request, { clients, settings }: Registry): void {
  const [oldest, ...others] = clients.get();
  const client = [oldest, ...others].find((one) => (one?.clientId ?? null) !== null) ?? oldest;
  // the first requests of a page are made before it is connected
  const tenantId = client?.address.tenantId ?? settings.tenantId;
  const clientId = client?.clientId ?? null;
  if (clientId !== null) headers.set(CONNECTION_HEADER, clientId);
  if (tenantId !== undefined && !headers.has(TENANT_HEADER)) headers.set(TENANT_HEADER, tenantId);
}
