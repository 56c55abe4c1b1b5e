import { Centrifuge } from 'centrifuge';
import { Centrifuge as Oldest } from 'centrifuge-oldest';
import type { ClientMake, TransportName } from './harness.ts';

export { Centrifuge, type SubscribedContext } from 'centrifuge';

// The newest client and the oldest that is supported (docs/protocol.md) must behave alike, and so must
// the ways to connect.
const versions: [string, typeof Centrifuge][] = [
  ['5.8.0', Centrifuge],
  ['5.7.1', Oldest as unknown as typeof Centrifuge],
];
const transports: TransportName[] = ['websocket', 'http_stream', 'sse'];

/** Each version over each transport, for `describe.each`. */
export const stockClients: [string, TransportName, Required<ClientMake>][] = versions.flatMap(
  ([name, version]) =>
    transports.map((transport): [string, TransportName, Required<ClientMake>] => [
      name,
      transport,
      { version, transport },
    ]),
);
