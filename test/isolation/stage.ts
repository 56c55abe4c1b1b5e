import { isSameRealm } from '@trunkline/contract';
import type { Answer, Peer } from './peer.ts';
import { EVERYBODY, type Person } from './people.ts';
import type { Tally } from './tally.ts';
import { inMemory, overHttp, overWebSocket } from './ways.ts';
import type { World } from './world.ts';

/** One thing that happens. Numbers count round what there is. */
export interface Step {
  readonly act: string;
  readonly who: number;
  /** Of another realm. */
  readonly whom: number;
  readonly pick: number;
  /** How much of it. */
  readonly count: number;
}

/** Does one thing with the world, and says what had to come of it. */
export type Act = (stage: Stage, step: Step) => Promise<void>;

/** The peers with these numbers have a connection of their own; all others a session in memory. */
const REAL_WAYS = ['websocket', 'http_stream', 'sse'] as const;
const REAL_WAY_EVERY = 30;

/** Where steps are taken: a world, and what is noted of it. */
export class Stage {
  readonly world: World;
  readonly tally: Tally;
  /** What was not as it had to be. */
  readonly problems: string[] = [];

  constructor(world: World, tally: Tally) {
    this.world = world;
    this.tally = tally;
  }

  peer({ who }: Step): Peer {
    return of(this.world.peers, who);
  }

  /** A peer of another realm, connected if there is one. */
  victim(step: Step): Peer {
    const { realm } = this.peer(step).person;
    const others = this.world.peers.filter(({ person }) => !isSameRealm(person.realm, realm));
    const connected = others.filter(({ isConnected }) => isConnected);
    return of(connected.length > 0 ? connected : others, step.whom);
  }

  /** The same person in another realm. */
  twin(step: Step): Person {
    const { person } = this.peer(step);
    const twins = EVERYBODY.filter(
      ({ realm, userId }) => userId === person.userId && !isSameRealm(realm, person.realm),
    );
    return of(twins, step.whom);
  }

  /** Connects a peer, with what its browser would send. */
  async connect(
    peer: Peer,
    request: { token?: string; data?: object; subs?: object },
    { url, headers = {} }: { url?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { world } = this;
    const cookie =
      request.token === undefined ? { cookie: world.accounts.cookieOf(peer.person) } : {};
    const arrival = { headers: { origin: world.httpUrl, ...cookie, ...headers } };
    const number = world.peers.indexOf(peer);
    const way = number % REAL_WAY_EVERY === 0 ? of(REAL_WAYS, number / REAL_WAY_EVERY) : 'memory';
    if (way === 'memory') {
      const open = inMemory(world.node, { ...arrival, ...(url === undefined ? {} : { url }) });
      return await peer.connect(request, open);
    }
    if (way === 'websocket') {
      const wsUrl = `${world.httpUrl.replace('http', 'ws')}/connection/websocket`;
      return await peer.connect(request, overWebSocket(wsUrl, arrival));
    }
    return await peer.connect(request, overHttp(world, way, arrival));
  }

  /** Notes that something was tried, and whether it was answered as it had to be. */
  expect(what: string, answer: string, ...allowed: readonly (string | RegExp)[]): void {
    this.tally.tried(what);
    if (!isOneOf(answer, allowed)) {
      this.problems.push(`${what} was answered ${answer.slice(0, 300)}`);
    }
  }

  /** The same for a peer's command, which comes to nothing when its connection ends as it may. */
  expectAnswer(
    peer: Peer,
    what: string,
    answer: Answer,
    ...allowed: readonly (string | RegExp)[]
  ): void {
    if (isOneOf(answer, allowed) || !peer.isExcused(answer)) this.expect(what, answer, ...allowed);
  }
}

function isOneOf(answer: string, allowed: readonly (string | RegExp)[]): boolean {
  return allowed.some((each) => (typeof each === 'string' ? answer === each : each.test(answer)));
}

/** The one with this number, counted round. */
export function of<T>(list: readonly T[], number: number): T {
  const found = list[number % list.length];
  if (found === undefined) throw new Error('Nothing to choose from');
  return found;
}
