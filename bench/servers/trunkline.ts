// The engine alone, an event sealed and sent as @trunkline/nestjs does.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { attach, Node, sealEvent, sendEvent } from '@trunkline/server';
import { serve } from './peer.ts';
import { engineOptions } from './trunkline-limits.ts';

let node: Node;

serve({
  listen: async (setup) => {
    node = new Node(await engineOptions(setup));
    const http = createServer();
    attach(http, node);
    await node.start();
    http.listen(0, '127.0.0.1', 4_096);
    await once(http, 'listening');
    return (http.address() as AddressInfo).port;
  },
  deliveries: () => node.stats().counts.deliveries,
  publishToRoom: (tenantId, room, event) => {
    const realm = { kind: 'tenant', tenantId } as const;
    const sealed = sealEvent(event, { realm, scope: 'room', room }, node.limits);
    return sendEvent(node, { realm, target: { kind: 'room', room } }, sealed);
  },
  publishToUser: (tenantId, userId, event) => {
    const realm = { kind: 'tenant', tenantId } as const;
    const sealed = sealEvent(event, { realm, scope: 'user' }, node.limits);
    return sendEvent(node, { realm, target: { kind: 'user', userId } }, sealed);
  },
});
