// The ways in which the experiment on revocation takes something away, and gives it back.
import { setTimeout as sleep } from 'node:timers/promises';
import { channelsOf, type Kind, type Person, takenBy } from './cast.ts';
import type { Child } from './child.ts';
import type { Another, Back, Journey, Seen } from './members.ts';
import type { Acknowledgement } from './revoker.ts';

/** Who plays. */
export interface Scene {
  /** One node, or who speaks for several. */
  readonly server: Pick<Child, 'ask'>;
  readonly members: Pick<Child, 'ask'>;
  readonly random: () => number;
}

/** One way of taking something away; how often, from whom. */
export interface Way {
  readonly label: string;
  readonly kinds: readonly Kind[];
  readonly times: number;
  /** Is it about connecting at the same moment? */
  readonly isRace?: boolean;
  /** From those that are behind? */
  readonly isLazy?: boolean;
  run(scene: Scene, concern: Concern): Promise<Outcome>;
}

/** What is taken from whom; the label is what the server counts it under. */
interface Concern {
  readonly label: string;
  readonly person: Person;
  readonly kind: Kind;
}

/** How one revocation went. */
export interface Outcome {
  readonly latencyMs: number;
  readonly seen: Seen;
  /** What each tab got that tried again; `in`: it got in. */
  readonly got: readonly string[];
  /** Was somebody connecting when it was called? */
  readonly hasRaced?: boolean;
  /** Why it proves nothing. */
  readonly vain?: string;
}

/** How long something stays taken, while more of it is published. */
const HOLD_MS = 250;
/** Within so many milliseconds of each other two things are at the same time. */
const RACE_MS = 10;
const ROOMS: readonly Kind[] = ['joined room', 'asked room'];
const CHANNELS: readonly Kind[] = [...ROOMS, 'policy', 'role'];
const ALL: readonly Kind[] = [...CHANNELS, 'user'];

/** All of them. */
export const ways: readonly Way[] = [
  { label: 'a room: `leaveRoom`', kinds: ROOMS, times: 200, run: take },
  { label: 'a policy: `refreshPermissions`', kinds: ['policy'], times: 200, run: take },
  { label: 'a role: `refreshPermissions`', kinds: ['role'], times: 200, run: take },
  { label: 'a user: `disconnect`', kinds: ['user'], times: 200, run: take },
  { label: 'a tenant: `disconnectRealm`', kinds: ['tenant'], times: 20, run: take },
  {
    label: 'a token: a tab connects with it just then',
    kinds: ['user'],
    times: 200,
    isRace: true,
    run: takeToken,
  },
  { label: 'away, and back behind the acknowledgement', kinds: ALL, times: 200, run: takeFromAway },
  {
    label: 'away, and back just then',
    kinds: ALL,
    times: 200,
    isRace: true,
    run: takeFromComing,
  },
  {
    label: 'behind, and goes on reading',
    kinds: ALL,
    times: 100,
    isLazy: true,
    run: async (scene, concern) => await takeFromBehind(scene, concern, { isReading: true }),
  },
  {
    label: 'behind, and reads no more',
    kinds: ALL,
    times: 100,
    isLazy: true,
    run: async (scene, concern) => await takeFromBehind(scene, concern, { isReading: false }),
  },
  {
    label: 'behind, and has unsubscribed by itself',
    kinds: ['asked room'],
    times: 50,
    isLazy: true,
    run: takeFromLeaving,
  },
  {
    label: 'behind, and is being closed with 3001',
    kinds: [...ROOMS, 'user'],
    times: 50,
    isLazy: true,
    run: takeFromDismissed,
  },
];

/** Takes it from somebody who is there, and who then tries to get it back. */
async function take(scene: Scene, concern: Concern): Promise<Outcome> {
  const { server, members } = scene;
  const holders = await members.ask<number>('expectLoss', { ...concern, isCutOff: false });
  const ack = await server.ask<Acknowledgement>('revoke', concern);
  await sleep(HOLD_MS);
  const got = await members.ask<number[]>('tryAgain', concern);
  return await restored(scene, concern, ack, {
    got: got.map(named),
    ...(holders === 0 ? { vain: 'it was not there to be taken' } : {}),
  });
}

/** Somebody connects with a token of before, a moment before or behind its revocation. */
async function takeToken(scene: Scene, concern: Concern): Promise<Outcome> {
  const { server, members, random } = scene;
  await members.ask('expectLoss', { ...concern, isCutOff: false });
  const coming = members.ask<Another>('another', { ...concern, afterMs: random() * RACE_MS });
  await sleep(random() * RACE_MS);
  const ack = await server.ask<Acknowledgement>('revoke', concern);
  const other = await coming;
  await sleep(HOLD_MS);
  const got = await members.ask<number[]>('tryAgain', concern);
  const seen = await members.ask<Seen>('seen', { ...concern, ackAt: ack.at, marks: ack.marks });
  await members.ask('closeOthers', concern);
  const outcome = await restored(scene, concern, ack, {
    got: [...got.map(named), other.code === 0 ? 'in before, then closed' : named(other.code)],
    hasRaced: isUnderWay(other, ack),
  });
  return { ...outcome, seen };
}

/** Somebody has lost the network; it is taken meanwhile. */
async function takeFromAway(scene: Scene, concern: Concern): Promise<Outcome> {
  const { server, members } = scene;
  await members.ask('expectLoss', { ...concern, isCutOff: true });
  await members.ask('cut', concern);
  const ack = await server.ask<Acknowledgement>('revoke', concern);
  const back = await members.ask<Back>('back', { ...concern, afterMs: 0 });
  await sleep(HOLD_MS);
  const isUser = takenBy(concern.kind, concern.person) === null;
  return await restored(scene, concern, ack, {
    got: [
      ...answersOf(concern, back),
      ...(back.recoveredTaken > 0 ? [`${back.recoveredTaken} recovered`] : []),
    ],
    ...(isUser || back.recoveredOthers > 0 ? {} : { vain: 'nothing else was recovered either' }),
  });
}

/** What those who came back were answered that concerns what was taken. */
function answersOf({ kind, person }: Concern, { codes, chats }: Back): string[] {
  const wire = takenBy(kind, person);
  if (wire === null) return codes.map(named);
  return wire === channelsOf(person).chat ? chats.map(named) : codes.map(() => 'not in the reply');
}

/** The same, while it comes back. */
async function takeFromComing(scene: Scene, concern: Concern): Promise<Outcome> {
  const { server, members, random } = scene;
  await members.ask('expectLoss', { ...concern, isCutOff: true });
  await members.ask('cut', concern);
  const coming = members.ask<Back>('back', { ...concern, afterMs: 0 });
  await sleep(random() * RACE_MS);
  const ack = await server.ask<Acknowledgement>('revoke', concern);
  const back = await coming;
  await sleep(HOLD_MS);
  const got = await members.ask<number[]>('tryAgain', concern);
  return await restored(scene, concern, ack, {
    got: got.map(named),
    hasRaced: isUnderWay(back, ack),
  });
}

function isUnderWay({ begunAt, doneAt }: Journey, { at, latencyMs }: Acknowledgement): boolean {
  return begunAt < at && doneAt > at - latencyMs;
}

/** It has unsubscribed, and does not read what was sent before. */
async function takeFromLeaving(scene: Scene, concern: Concern): Promise<Outcome> {
  const before = async () => {
    await scene.members.ask('leave', concern);
    await sleep(30);
  };
  return await takeFromBehind(scene, concern, { isReading: true, before });
}

/** The server has closed its connection, and waits for it to go. */
async function takeFromDismissed(scene: Scene, concern: Concern): Promise<Outcome> {
  const before = async () => {
    await scene.server.ask('dismiss', concern.person);
  };
  return await takeFromBehind(scene, concern, { isReading: true, before });
}

interface Behind {
  /** Does it read on, a moment later? */
  readonly isReading: boolean;
  /** What happens right before. */
  readonly before?: () => Promise<void>;
}

/**
 * Somebody does not read, and the socket or the queue too is full of what is taken. Who does not make up
 * for it in time may be cut off.
 */
async function takeFromBehind(scene: Scene, concern: Concern, how: Behind): Promise<Outcome> {
  const { server, members, random } = scene;
  const { kind, person } = concern;
  const wire = takenBy(kind, person) ?? channelsOf(person).chat;
  await members.ask('expectLoss', { ...concern, isCutOff: true });
  await members.ask('pause', concern);
  const isQueued = how.before !== undefined || random() < 0.7;
  await server.ask('fill', { person, wire, isQueued });
  await how.before?.();
  const revoking = server.ask<Acknowledgement>('revoke', concern);
  if (how.isReading) {
    await sleep(50 + random() * 350);
    const pauseMs = random() < 0.5 ? 0 : Math.ceil(random() * 10);
    await members.ask('resume', { ...concern, pauseMs });
  }
  const ack = await revoking;
  await members.ask('resume', { ...concern, pauseMs: 0 });
  await sleep(HOLD_MS);
  const got = await members.ask<number[]>('tryAgain', concern);
  return await restored(scene, concern, ack, {
    got: got.map(named),
    ...(ack.behindBytes === 0 ? { vain: 'it was not behind' } : {}),
  });
}

/** Looks at what came, and gives it back. */
async function restored(
  { server, members }: Scene,
  concern: Concern,
  ack: Acknowledgement,
  rest: Pick<Outcome, 'got' | 'hasRaced' | 'vain'>,
): Promise<Outcome> {
  const seen = await members.ask<Seen>('seen', { ...concern, ackAt: ack.at, marks: ack.marks });
  await server.ask('give', concern);
  await members.ask('regain', concern);
  return { latencyMs: ack.latencyMs, seen, ...rest };
}

function named(code: number): string {
  if (code === 0) return 'in';
  return code === 1 ? 'cut' : String(code);
}
