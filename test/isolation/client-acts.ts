import { PRESENCE_CALL, TYPING_CALL } from '@trunkline/contract';
import { protocolErrors } from '@trunkline/server';
import { DENIED, refusal, TAKEN } from './confusions.ts';
import type { Peer, Position } from './peer.ts';
import { ROOMS } from './people.ts';
import { type Act, of, type Stage, type Step } from './stage.ts';

const CONNECTED = /^\{"connect":\{/;
const UNAVAILABLE = refusal(protocolErrors.notAvailable);
const UNRECOVERABLE = refusal(protocolErrors.unrecoverable);
/** What nobody gets who comes with another stream's position. */
const RECOVERED = /"recovered":true/;

const ROOM_LIST: readonly string[] = Object.values(ROOMS).flat();
const ASKED_FOR = ROOM_LIST.filter((room) => !ROOMS.teams.some((team) => team === room));

/** What clients do that mean no harm, and what thieves do with positions: everybody has the same names. */
export const CLIENT_ACTS: Readonly<Record<string, Act>> = {
  connect: async (stage, step) => {
    const peer = stage.peer(step);
    if (peer.isConnected) return;
    const { accounts } = stage.world;
    const isByToken = step.pick % 2 === 1;
    const token = isByToken ? { token: accounts.tokenOf(peer.person) } : {};
    const subs = positionsFor(stage, step);
    const answer = await stage.connect(peer, { ...token, ...(subs ? { subs } : {}) });
    stage.expectAnswer(
      peer,
      isByToken ? 'connect by token' : 'connect by cookie',
      answer,
      CONNECTED,
    );
    if (subs) stage.tally.tried(isTheft(step) ? 'connect.subs, stolen' : 'connect.subs');
    if (subs && isTheft(step)) expectNothingRecovered(stage, 'connect.subs, stolen', answer);
  },
  leave: async (stage, step) => {
    stage.peer(step).hangUp();
  },
  subscribe: async (stage, step) => {
    const peer = stage.peer(step);
    const { room, what, position } = wishOf(stage, step);
    const isDocument = ROOMS.documents.some((each) => each === room);
    const channel = {
      channel: room,
      join_leave: true,
      ...(isDocument ? { delta: 'fossil', flag: 1 } : {}),
      ...(ROOMS.tickets.some((each) => each === room)
        ? { token: stage.world.accounts.ticketOf(peer.person, room) }
        : {}),
      ...(position ? { recover: true, ...position } : {}),
    };
    const answer = await peer.ask({ subscribe: channel });
    if (answer === TAKEN) return;
    stage.expectAnswer(peer, what, answer, /^\{"subscribe":\{/);
    if (what.includes('stolen')) expectNothingRecovered(stage, what, answer);
  },
  'come back': async (stage, step) => {
    const peer = stage.peer(step);
    const channel = of(ROOMS.open, step.pick);
    await peer.ask({ subscribe: { channel } });
    await peer.ask({ unsubscribe: { channel } });
    const position = peer.positions.get(channel);
    if (!position) return;
    const answer = await peer.ask({ subscribe: { channel, recover: true, ...position } });
    if (answer === TAKEN) return;
    stage.expectAnswer(peer, 'recover', answer, /^\{"subscribe":\{.*"was_recovering":true/);
  },
  unsubscribe: async (stage, step) => {
    const peer = stage.peer(step);
    const room = of(ASKED_FOR, step.pick);
    peer.clientSide.delete(room);
    const answer = await peer.ask({ unsubscribe: { channel: room } });
    stage.expectAnswer(peer, 'unsubscribe', answer, '{"unsubscribe":{}}');
  },
  publish: async (stage, step) => {
    const peer = stage.peer(step);
    const is = stage.world.secrets.marker('word', peer.person.realm);
    const data = { type: 'note', data: { is } };
    const answers = Array.from({ length: Math.min(step.count, 20) }, () =>
      peer.ask({ publish: { channel: of(ROOM_LIST, step.pick), data } }),
    );
    for (const answer of await Promise.all(answers)) {
      stage.expectAnswer(peer, 'publish', answer, '{"publish":{}}', DENIED);
    }
  },
  history: async (stage, step) => {
    const peer = stage.peer(step);
    const channel = of(ROOM_LIST, step.pick);
    const stolen = isTheft(step) ? positionOf(stage.victim(step), step) : null;
    const since = stolen ? { since: stolen } : {};
    const answer = await peer.ask({ history: { channel, limit: -1, ...since } });
    const others = [DENIED, UNAVAILABLE];
    if (stolen) stage.expectAnswer(peer, 'history, stolen', answer, ...others, UNRECOVERABLE);
    else stage.expectAnswer(peer, 'history', answer, ...others, /^\{"history":\{/);
  },
  presence: async (stage, step) => {
    const peer = stage.peer(step);
    const channel = of(ROOM_LIST, step.pick);
    const isCount = step.count % 2 === 1;
    const api = isCount ? 'presence_stats' : 'presence';
    const answer = await peer.ask({ [api]: { channel } });
    const found = isCount ? /^\{"presence_stats":\{/ : /^\{"presence":\{"presence":\{/;
    stage.expectAnswer(peer, api, answer, found, DENIED, UNAVAILABLE);
  },
  call: async (stage, step) => {
    const peer = stage.peer(step);
    const { realm, userId } = peer.person;
    const is = stage.world.secrets.marker('answer', realm);
    const answer = await peer.ask({ rpc: { method: 'whoami', data: { userId: 'bob' } } });
    const expected = JSON.stringify({ rpc: { data: { userId, is } } });
    stage.expectAnswer(peer, 'rpc', answer, expected);
  },
  members: async (stage, step) => {
    const peer = stage.peer(step);
    const data = { room: of(ROOM_LIST, step.pick) };
    const answer = await peer.ask({ rpc: { method: PRESENCE_CALL, data } });
    const found = /^\{"rpc":\{"data":\{"members":\[/;
    stage.expectAnswer(peer, PRESENCE_CALL, answer, found, DENIED, UNAVAILABLE);
  },
  type: async (stage, step) => {
    const peer = stage.peer(step);
    const data = { room: of(ROOM_LIST, step.pick), isTyping: step.count % 2 === 0 };
    const answer = await peer.ask({ rpc: { method: TYPING_CALL, data } });
    const done = '{"rpc":{"data":{}}}';
    stage.expectAnswer(peer, TYPING_CALL, answer, done, DENIED, UNAVAILABLE);
  },
  'say without an answer': async (stage, step) => {
    const peer = stage.peer(step);
    if (!peer.isConnected) return;
    peer.tell({ send: { data: stage.world.secrets.marker('word', peer.person.realm) } });
    stage.tally.tried('send');
  },
  refresh: async (stage, step) => {
    const peer = stage.peer(step);
    if (!peer.hasToken) return;
    const answer = await peer.ask({
      refresh: { token: stage.world.accounts.tokenOf(peer.person) },
    });
    stage.expectAnswer(peer, 'refresh', answer, /^\{"refresh":\{/);
  },
  sub_refresh: async (stage, step) => {
    const peer = stage.peer(step);
    const channel = of(ROOMS.tickets, step.pick);
    const token = stage.world.accounts.ticketOf(peer.person, channel);
    const answer = await peer.ask({ sub_refresh: { channel, token } });
    stage.expectAnswer(peer, 'sub_refresh', answer, /^\{"sub_refresh":\{/, DENIED);
  },
};

function isTheft({ count }: Step): boolean {
  return count % 3 === 0;
}

/** Positions for a connect: none, one's own, or those of another realm under the same names. */
function positionsFor(stage: Stage, step: Step): object | null {
  if (step.count % 3 === 1) return null;
  const { positions } = isTheft(step) ? stage.victim(step) : stage.peer(step);
  if (positions.size === 0) return null;
  return Object.fromEntries(
    [...positions].map(([name, position]) => [name, { recover: true, ...position }]),
  );
}

function positionOf(peer: Peer, { pick }: Step): Position | null {
  const positions = [...peer.positions.values()];
  return positions.length === 0 ? null : of(positions, pick);
}

interface Wish {
  readonly room: string;
  readonly what: 'subscribe' | 'recover, stolen';
  readonly position?: Position | undefined;
}

/** To enter a room, or to recover one's own with what somebody else has got of theirs. */
function wishOf(stage: Stage, step: Step): Wish {
  const room = of(ASKED_FOR, step.pick);
  if (!isTheft(step)) return { room, what: 'subscribe' };
  const victim = stage.victim(step);
  const position = victim.positions.get(room) ?? positionOf(victim, step) ?? undefined;
  return { room, what: position ? 'recover, stolen' : 'subscribe', position };
}

function expectNothingRecovered(stage: Stage, what: string, answer: string): void {
  if (RECOVERED.test(answer)) stage.problems.push(`${what} has recovered: ${answer.slice(0, 300)}`);
}
