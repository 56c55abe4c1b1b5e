import { setImmediate as turn } from 'node:timers/promises';
import { PLATFORM } from '@trunkline/contract';
import { runAs, runAsPlatform } from '@trunkline/nestjs';
import { FORBIDDEN_MARKER, onlyFor } from './markers.ts';
import { type Call, carryOut, DEEDS, type Order, type Outcome, SENDS } from './orders.ts';
import type { Peer } from './peer.ts';
import { ADMINS, type Person, ROOMS, STAFF, SUPPORT_ID, tenantIdOf } from './people.ts';
import { type Act, of, type Stage, type Step } from './stage.ts';

const ROOM_LIST: readonly string[] = Object.values(ROOMS).flat();

/** On whose behalf a service works: the person's own, the platform's staff, a job of the platform, nobody. */
export const STANDINGS = ['own', 'staff', 'platform job', 'nobody'] as const;
type Standing = (typeof STANDINGS)[number];

/** The connection ends, and whoever comes back is asked about anew. */
const ASKED_ANEW = 3011;

const CALLS: readonly Call[] = [...SENDS, ...DEEDS];

/** What services do for the right realm, in each of the ways there are. */
export const SERVICE_ACTS: Readonly<Record<string, Act>> = {
  send: async (stage, step) => {
    const { order, standing } = lawful(stage, step, of(SENDS, step.pick));
    const { answer } = await inStanding(standing, stage, step, order);
    stage.expect(`${nameOf(order)} as ${standing}`, answer, 'accepted');
  },
  'send to the platform': async (stage, step) => {
    const isRole = step.pick % 2 === 1;
    const order: Order = {
      call: isRole ? 'sendToRoom' : 'sendToPlatform',
      userId: '',
      room: `platform:${ADMINS}`,
      marker: stage.world.secrets.marker('event', PLATFORM, isRole ? ADMINS : 'everybody'),
    };
    const { answer } = await inStanding('own', stage, step, order);
    stage.expect(isRole ? "sendToRoom, the platform's role" : 'sendToPlatform', answer, 'accepted');
  },
  join: async (stage, step) => {
    const { order, standing } = lawful(stage, step, 'joinRoom');
    stage.world.noteJoin(stage.peer(step).person, order.room);
    const { answer } = await inStanding(standing, stage, step, order);
    stage.expect(nameOf(order), answer, 'done');
  },
  'take out': async (stage, step) => {
    const { order, standing } = lawful(stage, step, 'leaveRoom');
    const { answer } = await inStanding(standing, stage, step, order);
    stage.expect(nameOf(order), answer, 'done');
  },
  'who is there': async (stage, step) => {
    const { order, standing } = lawful(stage, step, 'presence');
    const { answer, data } = await inStanding(standing, stage, step, order);
    stage.world.wiretap.read(stage.peer(step).person, JSON.stringify(data));
    stage.expect(nameOf(order), answer, 'done');
  },
  disconnect: async (stage, step) => {
    const call = step.pick % 3 === 0 ? 'disconnectTenant' : 'disconnectUser';
    const { order, standing } = lawful(stage, step, call);
    const codes = [3503, 3500, ASKED_ANEW]; // who is just connecting is told by one of the latter
    for (const peer of concerned(stage, step, order.call)) peer.mayEnd(...codes);
    const { answer } = await inStanding(standing, stage, step, order);
    stage.expect(nameOf(order), answer, 'done');
    await laterThan(Date.now()); // what is issued in the same moment is revoked, too
  },
  'refresh permissions': async (stage, step) => {
    const { order, standing } = lawful(stage, step, 'refreshPermissions');
    for (const peer of concerned(stage, step, order.call)) peer.mayEnd(ASKED_ANEW);
    const { answer } = await inStanding(standing, stage, step, order);
    stage.expect(nameOf(order), answer, 'done');
  },
};

/** What services do that mix the tenants up. Nothing comes of it. */
export const MIX_UP_ACTS: Readonly<Record<string, Act>> = {
  'order for another': async (stage, step) => {
    const order = orderForAnother(stage, step);
    if (!order) return;
    const { answer } = await inStanding('own', stage, step, order);
    stage.expect(`${nameOf(order)} for another`, answer, wrongTenant(order));
  },
  "send to another's role": async (stage, step) => {
    const order = orderForAnother(stage, step);
    if (!order?.tenantId) return;
    const { tenantId, ...unnamed } = order;
    const room = `tenant:${tenantId}:${ADMINS}`;
    const toRole: Order = { ...unnamed, call: 'sendToRoom', room, isBound: false };
    const { answer } = await inStanding('own', stage, step, toRole);
    stage.expect("sendToRoom, another's role", answer, 'CROSS_TENANT');
  },
  'order without a tenant': async (stage, step) => {
    const order: Order = {
      ...orderOf(stage, step, of(CALLS, step.pick)),
      marker: FORBIDDEN_MARKER,
    };
    const standing = step.count % 2 === 1 ? 'nobody' : 'platform job';
    const { answer } = await inStanding(standing, stage, step, order);
    const isMissing = order.call === 'sendToTenant' || order.call === 'disconnectTenant';
    const wrong = isMissing ? 'INVALID_ADDRESS' : 'TENANT_REQUIRED';
    stage.expect(`${order.call} without a tenant`, answer, wrong);
  },
};

/** The same by way of calls over the connection, and of HTTP routes. */
export const REMOTE_ACTS: Readonly<Record<string, Act>> = {
  'call, send': async (stage, step) => {
    const peer = stage.peer(step);
    const { order } = lawful(stage, few(step), of(SENDS, step.pick), 'own');
    const answer = await peer.ask({ rpc: { method: 'order', data: order } });
    stage.expectAnswer(peer, 'call, send', answer, '{"rpc":{"data":{"answer":"accepted"}}}');
  },
  'call, order for another': async (stage, step) => {
    const peer = stage.peer(step);
    const order = orderForAnother(stage, step);
    if (!order) return;
    const answer = await peer.ask({ rpc: { method: 'order', data: order } });
    const wrong = JSON.stringify({ rpc: { data: { answer: wrongTenant(order) } } });
    stage.expectAnswer(peer, 'call, order for another', answer, wrong);
  },
  'HTTP, me': async (stage, step) => {
    const { person } = stage.peer(step);
    const answer = await stage.world.request(person, '/me', { headers: comingAs(stage, step) });
    const is = stage.world.secrets.marker('page', person.realm);
    stage.expect('HTTP', answer, `200 ${JSON.stringify({ userId: person.userId, is })}`);
  },
  'HTTP, send': async (stage, step) => {
    const { order } = lawful(stage, few(step), of(SENDS, step.pick), 'own');
    const answer = await post(stage, step, '/orders', order);
    stage.expect('HTTP, send', answer, '201 {"answer":"accepted"}');
  },
  'HTTP, who is there': async (stage, step) => {
    const { order } = lawful(stage, step, 'presence', 'own');
    const answer = await post(stage, step, '/orders', order);
    stage.expect('HTTP, presence', answer, /^201 \{"answer":"done","data":\[/);
  },
  /** Their event must not pass for one of a page of another realm. */
  'HTTP, stolen connection': async (stage, step) => {
    const { order } = lawful(stage, few(step), 'sendToUser', 'own');
    const stolen = { 'x-trunkline-connection': stage.victim(step).clientId };
    const answer = await post(stage, step, '/orders', order, stolen);
    stage.expect('HTTP, stolen connection', answer, '201 {"answer":"accepted"}');
  },
  'HTTP, tenant in the body': async (stage, step) => {
    const order = orderForAnother(stage, step);
    if (!order) return;
    const answer = await post(stage, step, '/orders', order);
    const wrong = `201 ${JSON.stringify({ answer: wrongTenant(order) })}`;
    stage.expect('HTTP, tenant in the body', answer, wrong);
  },
  'HTTP, tenant in the URL': async (stage, step) => {
    const { tenantId, ...order } = orderForAnother(stage, step) ?? {};
    if (!tenantId) return;
    const answer = await post(stage, step, `/tenants/${tenantId}/orders`, order);
    stage.expect('HTTP, tenant in the URL', answer, '201 {"answer":"CROSS_TENANT"}');
  },
  'HTTP, tenant in the header': async (stage, step) => {
    const { person } = stage.peer(step);
    const wish = tenantIdOf(stage.twin(step).realm) || 'nowhere';
    const headers = { ...comingAs(stage, step), 'x-trunkline-tenant': wish };
    const answer = await stage.world.request(person, '/me', { headers });
    stage.expect('HTTP, tenant in the header', answer, /^401 /);
  },
};

/** An order for the realm of this step's person, and as whom a service may carry it out. */
function lawful(
  stage: Stage,
  step: Step,
  wish: Call,
  fixed?: Standing,
): { order: Order; standing: Standing } {
  const { realm, userId, roles } = stage.peer(step).person;
  const tenantId = tenantIdOf(realm);
  const mustName = wish === 'sendToTenant' || wish === 'disconnectTenant';
  const standing = fixed ?? (tenantId === '' ? 'own' : of(STANDINGS, step.whom));
  const isNamed = tenantId !== '' && (mustName || standing !== 'own' || step.count % 4 === 0);
  // The platform is no tenant: what reaches all of one has its own call there, or none.
  const inPlatform = wish === 'sendToTenant' ? 'sendToPlatform' : 'disconnectUser';
  const call = tenantId === '' && mustName ? inPlatform : wish;
  const isRole = call === 'sendToRoom' && roles.length > 0 && step.count % 3 === 0;
  const role = tenantId === '' ? `platform:${ADMINS}` : `tenant:${tenantId}:${ADMINS}`;
  const audience = call === 'sendToUser' ? onlyFor(userId) : isRole ? ADMINS : 'everybody';
  const order: Order = {
    ...orderOf(stage, step, call),
    ...(isNamed ? { tenantId, isBound: step.count % 2 === 1 } : {}),
    ...(isRole ? { room: role } : {}),
    marker: stage.world.secrets.marker('event', realm, audience),
    times: 1 + step.count,
  };
  return { order, standing };
}

/** Names another tenant, or nothing that is one; `null`: the person may do that. */
function orderForAnother(stage: Stage, step: Step): Order | null {
  if (stage.peer(step).person.realm.kind === 'platform') return null;
  const order = orderOf(stage, step, of(CALLS, step.pick));
  const tenantId = tenantIdOf(stage.twin(step).realm);
  return { ...order, tenantId, isBound: step.count % 2 === 1, marker: FORBIDDEN_MARKER };
}

function wrongTenant({ tenantId }: Order): string {
  return tenantId === '' ? 'INVALID_ADDRESS' : 'CROSS_TENANT';
}

function orderOf(stage: Stage, step: Step, call: Call): Order {
  const { userId } = stage.peer(step).person;
  const rooms = call === 'sendToRoom' || call === 'presence' ? ROOM_LIST : ROOMS.teams;
  const isVolatile = step.count % 5 === 0;
  return { call, userId, room: of(rooms, step.whom), marker: '', isVolatile };
}

function nameOf({ call, isBound }: Order): string {
  return isBound ? `forTenant.${call}` : call;
}

/** Whose connections an order concerns: of staff, the support views too. */
function concerned(stage: Stage, step: Step, call: Call): Peer[] {
  const { person } = stage.peer(step);
  const isConcerned = (other: Person) =>
    call === 'disconnectTenant'
      ? other.realm === person.realm
      : other === person || (person === STAFF && other.userId === SUPPORT_ID);
  return stage.world.peers.filter((peer) => isConcerned(peer.person));
}

async function laterThan(moment: number): Promise<void> {
  while (Date.now() <= moment) await turn();
}

/** A request of many events is none that anybody makes. */
function few(step: Step): Step {
  return { ...step, count: step.count % 5 };
}

/** Carries an order out on behalf of somebody, as code does that runs for them. */
async function inStanding(
  standing: Standing,
  stage: Stage,
  step: Step,
  order: Order,
): Promise<Outcome> {
  const { accounts, service } = stage.world;
  const work = async () => await carryOut(service, order);
  const as = async (person: Person) => await runAs(accounts.principalOf(person), work);
  switch (standing) {
    case 'own':
      return await as(stage.peer(step).person);
    case 'staff':
      return await as(STAFF);
    case 'platform job':
      return await runAsPlatform(work);
    case 'nobody':
      return await work();
  }
}

async function post(
  stage: Stage,
  step: Step,
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<string> {
  return await stage.world.request(stage.peer(step).person, path, {
    method: 'POST',
    headers: { ...comingAs(stage, step), 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** By cookie or by token. */
function comingAs(stage: Stage, step: Step): Record<string, string> {
  const { person } = stage.peer(step);
  const { accounts } = stage.world;
  return step.pick % 2 === 1
    ? { authorization: `Bearer ${accounts.tokenOf(person)}` }
    : { cookie: accounts.cookieOf(person) };
}
