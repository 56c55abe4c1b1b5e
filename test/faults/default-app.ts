import { setTimeout as sleep } from 'node:timers/promises';
import type { Authenticate, Log, NodeOptions, RoomRules } from '@trunkline/server';
import type { NodeSetup } from './node-setup.ts';
import { channelOf } from './person.ts';

/** What the app of a node has seen of its use. */
export interface AppCounts {
  authenticates: number;
  /** What the node has logged as a warning or an error, by message. */
  readonly logged: Record<string, number>;
}

const rooms: RoomRules = {
  'room:*': { authorize: () => true },
  'live:*': { authorize: () => true, presence: true, joinLeave: true },
  'fleeting:*': { authorize: () => true, history: false },
  'chat:*': { authorize: () => true, publish: 'members', payload: 'json' },
};

/** Tokens are `tenant/user` or `tenant/user/role`. */
const fromName: Authenticate = ({ token = '' }) => {
  const [tenantId = '', userId = '', role] = token.split('/');
  if (userId === '') return null;
  return { userId, realm: channelOf(tenantId, { kind: 'all' }).realm, roles: role ? [role] : [] };
};

/** The app that the lab's nodes have, if they are not given one of their own. */
export function defaultApp(setup: NodeSetup, counts: AppCounts, log: Log): NodeOptions {
  const { limits = {}, tenants = {}, authenticateMs } = setup;
  return {
    authenticate: async (handshake) => {
      counts.authenticates += 1;
      if (authenticateMs) await sleep(authenticateMs);
      return await fromName(handshake);
    },
    rooms,
    rpc: { echo: (_principal, data) => data, hang: async () => await new Promise<never>(() => {}) },
    limits,
    limitsFor: (tenantId) => tenants[tenantId],
    log,
    audit: { record: () => {} },
  };
}
