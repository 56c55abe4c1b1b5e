import { setTimeout as sleep } from 'node:timers/promises';
import { type Authenticate, type Node, protocolErrors } from '@trunkline/server';
import { roomRules } from '../../packages/server/test/model/room-rules.ts';
import type { Person } from '../../packages/server/test/model/scenario.ts';
import type { LabApp } from './lab-app.ts';
import { channelOf } from './person.ts';

/** Where a user is to be, from now on. */
export interface Move extends Pick<Person, 'tenantId' | 'userId'> {
  readonly room: string;
  readonly isIn: boolean;
}

/** What the token of an actor says, as JSON. */
export interface ModelToken extends Person {
  /** Milliseconds since 1970; `null`: never. */
  readonly expiresAt: number | null;
}

const MAX_HOOK_MS = 8;

/** The longest time that a hook takes is short, and never the same. */
async function think<T>(answer: T): Promise<T> {
  await sleep(Math.random() * MAX_HOOK_MS);
  return answer;
}

const authenticate: Authenticate = async ({ token = '' }) => {
  const { tenantId, userId, roles, expiresAt } = await think(read(token));
  if (expiresAt !== null && expiresAt <= Date.now()) throw protocolErrors.tokenExpired;
  const { realm } = channelOf(tenantId, { kind: 'all' });
  return { userId, realm, roles, ...(expiresAt === null ? {} : { expiresAt }) };
};

/** The token of an actor, or one as all others in the lab have it. */
function read(token: string): ModelToken {
  if (token.startsWith('{')) return JSON.parse(token) as ModelToken;
  const [tenantId = '', userId = '', role] = token.split('/');
  return { tenantId, userId, roles: role === undefined ? [] : [role], expiresAt: null };
}

async function move({ users }: Node, { tenantId, userId, room, isIn }: Move): Promise<void> {
  const user = { userId, realm: channelOf(tenantId, { kind: 'all' }).realm };
  await (isIn ? users.joinRoom(user, room) : users.leaveRoom(user, room));
}

/** The app of T1's model, on nodes that know nothing but what is in the tokens and in the broker. */
export const app: LabApp = {
  options: () => ({ authenticate, rooms: roomRules(think), channelCompaction: true }),
  answers: (node) => ({ move: async (to: Move) => await move(node, to) }),
};
