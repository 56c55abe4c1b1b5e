import { setTimeout as sleep } from 'node:timers/promises';
import type { LabApp } from './lab-app.ts';
import { channelOf } from './person.ts';

/** Whoever comes with a token of this tenant waits for `authenticate`. */
export const HANGING_TENANT = 'hanging';
/** Whoever asks for it waits for `authorize`. */
export const HANGING_ROOM = 'hanging:room';

const HANGS_MS = 60_000;

/** Hooks that hang for a minute, for those who ask for it. */
export const app: LabApp = {
  options: () => ({
    authenticate: async ({ token = '' }) => {
      const [tenantId = '', userId = ''] = token.split('/');
      if (tenantId === HANGING_TENANT) await sleep(HANGS_MS);
      return { userId, realm: channelOf(tenantId, { kind: 'all' }).realm, roles: [] };
    },
    rooms: {
      'room:*': { authorize: () => true },
      [HANGING_ROOM]: { authorize: async () => await sleep(HANGS_MS, true) },
    },
    rpc: { hang: async () => await sleep(HANGS_MS) },
  }),
};
