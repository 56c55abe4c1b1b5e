import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import proxyAddress from 'proxy-addr';

/** Finds where a request comes from; empty when its peer has gone already. */
export type AddressOf = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string;

/**
 * Whose `X-Forwarded-For` counts: addresses and networks (`10.0.0.0/8`, `loopback`) of proxies. Whatever
 * stands behind none of them is what the client says, and a client says anything. Throws a `TypeError`
 * for what is no address.
 */
export function addressBehind(trustedProxies: readonly string[]): AddressOf {
  if (trustedProxies.length === 0) return (request) => request.socket.remoteAddress ?? '';
  const isTrusted = proxyAddress.compile([...trustedProxies]);
  // The types do not know that a socket which was reset has no address any more.
  return (request) => proxyAddress(request as IncomingMessage, isTrusted) ?? '';
}

const OWN_PARTS = 4;

/** What one client has: an IPv4 address, or the /64 that every IPv6 host may choose its addresses from. */
export function addressBlock(address: string): string {
  if (!address.includes(':') || !ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address); // an IPv4 address that is written as IPv6 is one
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return parsed.toNormalizedString().split(':').slice(0, OWN_PARTS).join(':');
}
