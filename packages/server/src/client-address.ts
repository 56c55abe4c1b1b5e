import type { IncomingMessage } from 'node:http';
import proxyAddress from 'proxy-addr';

/** Finds where a request comes from. */
export type AddressOf = (request: IncomingMessage) => string;

/**
 * Whose `X-Forwarded-For` counts: addresses and networks (`10.0.0.0/8`, `loopback`) of proxies. Whatever
 * stands behind none of them is what the client says, and a client says anything. Throws a `TypeError`
 * for what is no address.
 */
export function addressBehind(trustedProxies: readonly string[]): AddressOf {
  if (trustedProxies.length === 0) return (request) => request.socket.remoteAddress ?? '';
  const isTrusted = proxyAddress.compile([...trustedProxies]);
  return (request) => proxyAddress(request, isTrusted);
}
