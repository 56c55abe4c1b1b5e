// The people of the experiment on revocation, in one process: each does what an honest client does, and
// tries to get back what was taken from it.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  channelsOf,
  type Kind,
  keyOf,
  LAZY,
  type Person,
  TENANTS,
  tabsOf,
  takenBy,
  wiresOf,
} from './cast.ts';
import { answer } from './child.ts';
import { Member, type Tally } from './member.ts';

/** Whom to open, and where. */
export interface MembersOptions {
  /** One for each node. */
  readonly urls: readonly string[];
  readonly users: number;
  readonly lazyUsers: number;
}

/** Whom it concerns, and how. */
export interface Concerned {
  readonly person: Person;
  readonly kind: Kind;
}

/** What came to a person, in all its tabs, of what was taken. */
export interface Seen {
  /** Publications that were published behind the acknowledgement. */
  readonly late: number;
  /** From the acknowledgement to the last byte that was written before it; 0: it came before. */
  readonly lastMs: number;
  /** Tabs that have not been told. */
  readonly untold: number;
  /** Publications of before the acknowledgement that never came. */
  readonly purged: number;
}

/** When it was under way, milliseconds since 1970. */
export interface Journey {
  readonly begunAt: number;
  readonly doneAt: number;
}

/** How a person's tabs were answered who came back. */
export interface Back extends Journey {
  /** Of the connect, one for each tab; 0: it is in. */
  readonly codes: readonly number[];
  /** Of the room that each asked for. */
  readonly chats: readonly number[];
  /** Publications of what was taken that were recovered. */
  readonly recoveredTaken: number;
  /** Publications of the other channels that were recovered. */
  readonly recoveredOthers: number;
}

/** What one more tab was told in the end. */
export interface Another extends Journey {
  readonly code: number;
}

/** How the members are. */
export interface MembersReport {
  readonly tally: Tally;
  readonly lazyTally: Tally;
  /** Channels whose last publication has not come. */
  readonly behind: number;
}

const AT_ONCE = 20;
const PATIENCE_MS = 3_000;
const tally = newTally();
/** Of those that are behind. */
const lazyTally = newTally();
const tabs = new Map<string, Member[]>();
let urls: readonly string[] = [];

const nameOf = ({ tenant, user }: Person) => `${tenant}/u${user}`;
const now = () => performance.timeOrigin + performance.now();
const tabsFor = (person: Person) => tabs.get(nameOf(person)) ?? [];

async function open(options: MembersOptions): Promise<number> {
  urls = options.urls;
  const people = [
    ...TENANTS.flatMap((tenant) => peopleOf(tenant, options.users)),
    ...peopleOf(LAZY, options.lazyUsers),
  ];
  for (const person of people) {
    const ofPerson = Array.from({ length: tabsOf(person) }, () => newMember(person));
    tabs.set(nameOf(person), ofPerson);
  }
  const all = [...tabs.values()].flat();
  for (let n = 0; n < all.length; n += AT_ONCE) {
    await Promise.all(all.slice(n, n + AT_ONCE).map((member) => member.connect()));
  }
  return all.length;
}

function newTally(): Tally {
  return { heard: 0, lost: 0, repeated: 0, gaps: 0, unexpected: {} };
}

function newMember(person: Person): Member {
  return new Member(urls, person, person.tenant === LAZY ? lazyTally : tally);
}

function peopleOf(tenant: string, count: number): Person[] {
  return Array.from({ length: count }, (_, user) => ({ tenant, user }));
}

/** All whom it concerns: a tenant is everybody in it. */
function concerned({ person, kind }: Concerned): { person: Person; members: Member[] }[] {
  if (kind !== 'tenant') return [{ person, members: tabsFor(person) }];
  return [...tabs.keys()]
    .filter((name) => name.startsWith(`${person.tenant}/`))
    .map((name) => ({ tenant: person.tenant, user: Number(name.slice(person.tenant.length + 2)) }))
    .map((each) => ({ person: each, members: tabsFor(each) }));
}

/**
 * Something is about to be taken, maybe with the connection. Gives in how many tabs it is there to be
 * taken.
 */
function expectLoss({ isCutOff, ...concern }: Concerned & { isCutOff: boolean }): number {
  const members = concerned(concern).flatMap((each) => each.members);
  const wire = takenBy(concern.kind, concern.person);
  for (const { losing } of members) losing.add(wire ?? '*');
  if (isCutOff) for (const { losing } of members) losing.add('*');
  return members.filter(({ isIn, isConnected }) => (wire === null ? isConnected : isIn.has(wire)))
    .length;
}

function seen({
  ackAt,
  marks,
  ...concern
}: Concerned & { ackAt: number; marks: Readonly<Record<string, number>> }): Seen {
  const wire = takenBy(concern.kind, concern.person);
  let [late, lastMs, untold, purged] = [0, 0, 0, 0];
  for (const member of concerned(concern).flatMap(({ members }) => members)) {
    if (wire === null ? member.isConnected : member.isIn.has(wire)) untold += 1;
    for (const [key, mark] of Object.entries(marks)) {
      const arrival = member.arrivals.get(key);
      if (!arrival) continue;
      late += Math.max(0, arrival.n - mark);
      purged += Math.max(0, mark - arrival.n);
      lastMs = Math.max(lastMs, arrival.at - ackAt);
    }
  }
  return { late, lastMs, untold, purged };
}

/** Each tab tries to get it back, from where it stood; gives what it was told. */
async function tryAgain(concern: Concerned): Promise<number[]> {
  const wire = takenBy(concern.kind, concern.person);
  const members = concerned(concern).flatMap((each) => each.members);
  const tries = members.map(async (member) => {
    if (wire !== null) return await member.subscribe(wire);
    await gone(member);
    return (await member.connect()).code;
  });
  return await Promise.all(tries);
}

/** When it has heard that its connection has ended, or should have. */
async function gone(member: Member): Promise<void> {
  const begin = performance.now();
  while (member.isConnected && performance.now() - begin < PATIENCE_MS) await sleep(5);
}

/** Somebody who was cut comes back with all places. */
async function back({ person, kind, afterMs }: Concerned & { afterMs: number }): Promise<Back> {
  await sleep(afterMs);
  const begunAt = now();
  const wire = takenBy(kind, person);
  const members = tabsFor(person);
  const answers = await Promise.all(members.map((member) => member.connect()));
  const counts = members.flatMap(({ recovered }) => [...recovered]);
  const sum = (isMeant: (name: string) => boolean) =>
    counts.filter(([name]) => isMeant(name)).reduce((total, [, count]) => total + count, 0);
  return {
    begunAt,
    doneAt: now(),
    codes: answers.map(({ code }) => code),
    chats: answers.map(({ chat }) => chat),
    recoveredTaken: sum((name) => wire === null || name === wire),
    recoveredOthers: sum((name) => wire !== null && name !== wire),
  };
}

/** It was given back: waits until each tab has all that is its own again. */
async function regain(concern: Concerned): Promise<void> {
  for (const { person, members } of concerned(concern)) {
    await Promise.all(members.map((member) => regainTab(person, member, concern.kind)));
  }
}

async function regainTab(person: Person, member: Member, kind: Kind): Promise<void> {
  const { chat } = channelsOf(person);
  if (takenBy(kind, person) === null) member.renewToken();
  while (!wiresOf(person).every((wire) => member.isIn.has(wire))) {
    if (!member.isConnected) await member.connect();
    if (!member.isIn.has(chat)) await member.subscribe(chat);
    await sleep(5);
  }
  member.losing.clear();
}

/** Channels that a member hears and whose last publication has not come. */
function behind(numbers: Readonly<Record<string, number>>): number {
  let missing = 0;
  for (const [name, members] of tabs) {
    const [tenant = '', user = ''] = name.split('/u');
    const person = { tenant, user: Number(user) };
    for (const key of wiresOf(person).map((wire) => keyOf(person, wire))) {
      const n = numbers[key];
      missing += members.filter(
        ({ arrivals }) => n !== undefined && (arrivals.get(key)?.n ?? 0) < n,
      ).length;
    }
  }
  return missing;
}

/** One more tab comes, with the token that the person has. */
async function another({ person, afterMs }: Concerned & { afterMs: number }): Promise<Another> {
  await sleep(afterMs);
  const begunAt = now();
  const [first] = tabsFor(person);
  const member = newMember(person);
  if (first) member.token = first.token;
  member.losing.add('*');
  tabs.set(nameOf(person), [...tabsFor(person), member]);
  const { code } = await member.connect();
  return { code, begunAt, doneAt: now() };
}

/** The tabs that came on top go. */
function closeOthers({ person }: Concerned): void {
  const all = tabsFor(person);
  tabs.set(nameOf(person), all.slice(0, tabsOf(person)));
  for (const member of all.slice(tabsOf(person))) member.cut();
}

answer({
  open,
  expectLoss,
  seen,
  tryAgain,
  back,
  regain,
  cut: ({ person }: Concerned) => {
    for (const member of tabsFor(person)) member.cut();
  },
  pause: ({ person }: Concerned) => {
    for (const member of tabsFor(person)) member.pause();
  },
  resume: ({ person, pauseMs }: Concerned & { pauseMs: number }) => {
    for (const member of tabsFor(person)) member.resume(pauseMs);
  },
  /** Leaves its room by itself. */
  leave: ({ person }: Concerned) => {
    for (const member of tabsFor(person)) member.unsubscribe(channelsOf(person).chat);
  },
  another,
  closeOthers,
  report: (numbers: Readonly<Record<string, number>>): MembersReport => ({
    tally,
    lazyTally,
    behind: behind(numbers),
  }),
});
