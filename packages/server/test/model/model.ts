import {
  mayEnter,
  type Person,
  PRESENCE_ROOMS,
  refusalsOf,
  type Step,
  TENANT_IDS,
} from './scenario.ts';

/** What one actor was told to do, as far as it still counts. */
interface Intent {
  readonly isOnline: boolean;
  /** By room: was it last told to enter or to leave? */
  readonly rooms: Readonly<Record<string, 'enter' | 'leave'>>;
}

/** The pure model: what everybody was told to do. What must come of it follows from that. */
export interface Model {
  readonly cast: readonly Person[];
  readonly intents: readonly Intent[];
  /** By user: the rooms that the app has put them into. */
  readonly teams: Readonly<Record<string, readonly string[]>>;
}

export function beginning(cast: readonly Person[]): Model {
  return { cast, intents: cast.map(() => ({ isOnline: false, rooms: {} })), teams: {} };
}

/** The model after one more step. Cuts, faults and expiries change nothing that is wanted. */
export function after(model: Model, step: Step): Model {
  switch (step.do) {
    case 'connect':
      return change(model, step.who, { isOnline: true });
    case 'disconnect':
      return change(model, step.who, { isOnline: false });
    case 'subscribe':
      return changeRoom(model, step.who, step.room, 'enter');
    case 'unsubscribe':
      return changeRoom(model, step.who, step.room, 'leave');
    case 'move':
      return changeTeam(model, step.who, step.room);
    default:
      return model;
  }
}

/** One actor as it is found. */
export interface FoundActor {
  readonly state: string;
  /** Wire names of its server-side subscriptions. */
  readonly serverSide: readonly string[];
  /** Its client-side subscriptions by room. */
  readonly rooms: Readonly<Record<string, FoundRoom>>;
}

/** A client-side subscription as it is found. */
export interface FoundRoom {
  readonly state: string;
  /** Was it ever subscribed? */
  readonly wasIn: boolean;
  /** What it was last ended with. */
  readonly code: number | null;
}

/** What is found of a node. */
export interface FoundNode {
  readonly connections: number;
  readonly unauthenticated: number;
  readonly channels: number;
  readonly isolationViolations: number;
}

/** Where what is found is not what the model says, once everything has come to rest. */
export function differences(
  model: Model,
  found: { readonly actors: readonly FoundActor[]; readonly node: FoundNode },
): string[] {
  const names = model.intents.map((_, index) => liveNames(model, index));
  const channels = new Set(names.flatMap((each, index) => each.map(channelIn(model.cast[index]))));
  const node: FoundNode = {
    connections: model.intents.filter(({ isOnline }) => isOnline).length,
    unauthenticated: 0,
    channels: channels.size,
    isolationViolations: 0,
  };
  const ofActors = found.actors.flatMap((actor, index) => differencesOf(model, index, actor));
  return [...ofActors, ...differ('node', found.node, node)];
}

/** The same of one actor. */
export function differencesOf(model: Model, index: number, found: FoundActor): string[] {
  return actorDifferences(model, index, found).map((difference) => `actor ${index}: ${difference}`);
}

/** Who is present where, by tenant and room: the actors' numbers. */
export function presences(model: Model): Record<string, number[]> {
  const rooms = TENANT_IDS.flatMap((tenantId) =>
    PRESENCE_ROOMS.map((room) => ({ tenantId, room })),
  );
  const presentIn = ({ tenantId, room }: { tenantId: string; room: string }) =>
    model.cast.flatMap((person, index) =>
      person.tenantId === tenantId && liveNames(model, index).includes(room) ? [index] : [],
    );
  return Object.fromEntries(
    rooms.map((each) => [presenceKey(each.tenantId, each.room), presentIn(each)]),
  );
}

/** What a tenant's room is called in the presences. */
export function presenceKey(tenantId: string, room: string): string {
  return `${tenantId} ${room}`;
}

function actorDifferences(model: Model, index: number, found: FoundActor): string[] {
  const { isOnline, rooms } = model.intents[index];
  const serverSide = isOnline ? serverSideOf(model, index) : [];
  return [
    ...differ('state', found.state, isOnline ? 'connected' : 'disconnected'),
    ...differ('server-side', found.serverSide.toSorted(), serverSide.toSorted()),
    ...Object.entries(rooms).flatMap(([room, wish]) =>
      roomDifferences({ person: model.cast[index], room, wish, isOnline }, found.rooms[room]),
    ),
  ];
}

/** Wire names of all that an actor is subscribed to. */
function liveNames(model: Model, index: number): string[] {
  const { isOnline, rooms } = model.intents[index];
  if (!isOnline) return [];
  const entered = Object.entries(rooms)
    .filter(([room, wish]) => wish === 'enter' && mayEnter(model.cast[index], room))
    .map(([room]) => room);
  return [...serverSideOf(model, index), ...entered];
}

function serverSideOf({ cast, teams }: Model, index: number): string[] {
  const { roles } = cast[index];
  const rooms = teams[userOf(cast[index])] ?? [];
  return ['@user', '@all', ...roles.map((role) => `@role:${role}`), ...rooms];
}

function channelIn({ tenantId, userId }: Person): (wireName: string) => string {
  return (wireName) => `${tenantId} ${wireName === '@user' ? `@user ${userId}` : wireName}`;
}

interface RoomCase {
  readonly person: Person;
  readonly room: string;
  readonly wish: 'enter' | 'leave';
  readonly isOnline: boolean;
}

function roomDifferences(
  { person, room, wish, isOnline }: RoomCase,
  { state, code, wasIn }: FoundRoom = { state: 'unsubscribed', code: null, wasIn: false },
): string[] {
  const allowed = mayEnter(person, room);
  const refusals = refusalsOf(room);
  if (!allowed && wasIn) return [`was let into ${room}`];
  if (allowed && (code ?? 0) !== 0) return [`was put out of ${room} with ${code}`];
  if (wish === 'leave') return differ(room, state, 'unsubscribed');
  if (allowed) return differ(room, state, isOnline ? 'subscribed' : 'subscribing');
  // Whether it was answered before its client went offline is left to chance.
  if (!isOnline && state === 'subscribing') return [];
  if (state === 'unsubscribed' && refusals.includes(code ?? 0)) return [];
  return [`${room} is ${state} (${code}), expected a refusal with ${refusals.join(' or ')}`];
}

function differ(what: string, found: unknown, expected: unknown): string[] {
  const [is, shouldBe] = [JSON.stringify(found), JSON.stringify(expected)];
  return is === shouldBe ? [] : [`${what} is ${is}, expected ${shouldBe}`];
}

function change(model: Model, who: number, intent: Partial<Intent>): Model {
  const index = who % model.intents.length;
  return { ...model, intents: model.intents.with(index, { ...model.intents[index], ...intent }) };
}

function changeRoom(model: Model, who: number, room: string, wish: 'enter' | 'leave'): Model {
  const { rooms } = model.intents[who % model.intents.length];
  return change(model, who, { rooms: { ...rooms, [room]: wish } });
}

function changeTeam(model: Model, who: number, room: string): Model {
  const user = userOf(model.cast[who % model.cast.length]);
  const before = model.teams[user] ?? [];
  const isIn = before.includes(room);
  const now = isIn ? before.filter((each) => each !== room) : [...before, room];
  return { ...model, teams: { ...model.teams, [user]: now } };
}

function userOf({ tenantId, userId }: Person): string {
  return `${tenantId} ${userId}`;
}
