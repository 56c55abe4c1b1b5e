import { parseChannelKey } from '@trunkline/contract';
import { Actor } from '../../packages/server/test/model/actor.ts';
import {
  type Frame,
  markerOf,
  type Published,
  PublisherLedger,
  type Reader,
} from '../../packages/server/test/model/ledger.ts';
import {
  after,
  beginning,
  differencesOf,
  type Model,
  presenceKey,
  presences,
} from '../../packages/server/test/model/model.ts';
import {
  type Person,
  PRESENCE_ROOMS,
  type Step,
  TENANT_IDS,
} from '../../packages/server/test/model/scenario.ts';
import type { Audience, LastWord } from './audience.ts';
import { now } from './clock.ts';
import type { CompactLedgers } from './compact-ledger.ts';
import type { CrowdTotals } from './crowd.ts';
import { Histogram } from './histogram.ts';
import type { Lab } from './lab.ts';
import { type Cable, startProxy } from './proxy.ts';
import type { ModelToken } from './t02-model-app.ts';

/** What clients publish; its calls are told apart by when they were made, as those of the nodes are. */
class TimedLedger extends PublisherLedger {
  override get calls(): number {
    return now();
  }

  override call(about: Omit<Published, 'id' | 'outcome' | 'position'>) {
    return super.call({ ...about, calledAt: now() });
  }
}

/**
 * The actors of T1's model at stock clients, each behind a cable of its own, which leads to the next node at
 * each connect; and what the model says of them.
 */
export class Actors implements Audience {
  readonly size: number;
  readonly all: readonly Actor[];
  readonly #lab: Lab;
  readonly #cables: readonly Cable[];
  readonly #published = new TimedLedger();
  readonly #foreign: Frame[] = [];
  readonly #nextExpiries = new Map<number, number>();
  #model: Model;
  #turn = 0;

  static async open(lab: Lab, cast: readonly Person[]): Promise<Actors> {
    const port = lab.nodes[0]?.clients.port ?? 0;
    // In this process: it must lead elsewhere before the next connect.
    const cables = await Promise.all(cast.map(() => startProxy({ targetPort: port })));
    const actors = new Actors(lab, cast, cables);
    lab.crowds.push(actors);
    return actors;
  }

  private constructor(lab: Lab, cast: readonly Person[], cables: readonly Cable[]) {
    this.size = cast.length;
    this.#lab = lab;
    this.#cables = cables;
    this.#model = beginning(cast);
    this.all = cast.map((person, index) => this.#actorOf(person, index));
  }

  /** What they have published. */
  get published(): readonly Published[] {
    return this.#published.published;
  }

  actor({ who }: { readonly who: number }): Actor {
    const actor = this.all[who % this.size];
    if (!actor) throw new Error('A scenario without a cast');
    return actor;
  }

  /** Its connections, those that it has and those to come. */
  cable({ who }: { readonly who: number }): Cable {
    const cable = this.#cables[who % this.size];
    if (!cable) throw new Error('A scenario without a cast');
    return cable;
  }

  /** The model hears of every step. */
  note(step: Step): void {
    this.#model = after(this.#model, step);
  }

  /** Where a user is to be who was moved. */
  isToBeIn({ tenantId, userId }: Person, room: string): boolean {
    return this.#model.teams[`${tenantId} ${userId}`]?.includes(room) ?? false;
  }

  /** The actor's next token lasts no longer. */
  expireNext(who: number, inMs: number): void {
    this.#nextExpiries.set(who % this.size, inMs);
  }

  /** From here on nothing happens to them any more. */
  async calm(): Promise<void> {
    this.#nextExpiries.clear();
    await Promise.all(this.#cables.map((cable) => cable.pass()));
  }

  /** Where they are not as the model says. */
  differences(): string[] {
    return this.all.flatMap((actor, index) => differencesOf(this.#model, index, actor.found()));
  }

  /** Where the rooms' presence, as one of the nodes gives it, is not as the model says. */
  async presenceDifferences(): Promise<string[]> {
    const expected = presences(this.#model);
    const node = this.#lab.nodes.find(({ process }) => process.isRunning);
    const rooms = TENANT_IDS.flatMap((tenantId) =>
      PRESENCE_ROOMS.map((room) => ({ tenantId, room })),
    );
    const asking = rooms.map(async ({ tenantId, room }) => {
      const present = await node?.process.presence({ tenantId, target: { kind: 'room', room } });
      const key = presenceKey(tenantId, room);
      const found = this.#numbersOf(present?.map(({ client }) => client) ?? []);
      const shouldBe = JSON.stringify(expected[key]);
      return JSON.stringify(found) === shouldBe
        ? []
        : [`present in ${key}: ${JSON.stringify(found)}, expected ${shouldBe}`];
    });
    return (await Promise.all(asking)).flat();
  }

  /** Who is live in a channel and does not stand at its top, though nothing more was published. */
  async laggards(): Promise<string[]> {
    const node = this.#lab.nodes.find(({ process }) => process.isRunning);
    const lagging = this.#liveReaders().map(async ({ client, channel, tenantId, told }) => {
      const stand = told.findLast(isPlace)?.position;
      const target = parseChannelKey(channel)?.target;
      if (!stand || !target || !node) return [];
      const { top } = await node.process.history({ tenantId, target }, null);
      if (top.epoch === stand.epoch && top.offset === stand.offset) return [];
      return [`${client} in ${channel} stands at ${stand.offset}, the top is ${top.offset}`];
    });
    return (await Promise.all(lagging)).flat();
  }

  async there(): Promise<number> {
    const away = this.all.filter(
      (actor, index) => differencesOf(this.#model, index, actor.found()).length > 0,
    );
    return this.size - away.length;
  }

  async behind(lastWords: Readonly<Record<string, LastWord>>): Promise<number> {
    const behind = this.#liveReaders().filter(({ channel, told }) => {
      const last = lastWords[channel];
      return last !== undefined && !hasComeTo(told, last);
    });
    return behind.length;
  }

  async totals(): Promise<CrowdTotals> {
    const told = this.all.flatMap((actor) => actor.readers()).flatMap((reader) => reader.told);
    const comings = told.filter((each) => each.kind === 'subscribed');
    return {
      outcomes: {},
      recovered: comings.filter(({ recovered }) => recovered).length,
      gaps: comings.filter(({ recovered, wasRecovering }) => wasRecovering && !recovered).length,
      deliveries: told.filter(({ kind }) => kind === 'delivered').length,
      latencies: Histogram.of([]),
      recoveries: Histogram.of([]),
      foreign: this.#foreign,
    };
  }

  async ledgers(): Promise<CompactLedgers[]> {
    const readers = this.all.flatMap((actor) => actor.readers());
    return [
      {
        streams: {},
        readers: readers.map(({ told, ...of }) => ({ ...of, entries: compact(told) })),
      },
    ];
  }

  async leave(): Promise<void> {
    for (const { client } of this.all) client.disconnect();
  }

  async kill(): Promise<void> {
    await this.leave();
    await Promise.all(this.#cables.map((cable) => cable.close()));
  }

  #actorOf(person: Person, index: number): Actor {
    return new Actor({
      ...{ index, person, publishers: this.#published, wantsDeltas: index % 2 === 1 },
      websocket: this.#websocketOf(person, index),
      getToken: async () => this.#issueToken(person, index),
    });
  }

  #issueToken(person: Person, index: number): string {
    const inMs = this.#nextExpiries.get(index);
    this.#nextExpiries.delete(index);
    const token: ModelToken = {
      ...person,
      expiresAt: inMs === undefined ? null : Date.now() + inMs,
    };
    return JSON.stringify(token);
  }

  /** A WebSocket that goes through the actor's cable, each time to the next node. */
  #websocketOf({ tenantId }: Person, index: number): typeof WebSocket {
    const cable = this.cable({ who: index });
    const foreign = TENANT_IDS.filter((id) => id !== tenantId).map(markerOf);
    const next = () => this.#lead(cable);
    const read = (text: string) => {
      if (!foreign.some((marker) => text.includes(marker))) return;
      this.#foreign.push({ client: `actor ${index}`, tenantId, text });
    };
    return class extends WebSocket {
      constructor(_url: string | URL, protocols?: string | string[]) {
        super(next(), protocols);
        this.addEventListener('message', ({ data }) => read(String(data)));
      }
    };
  }

  #lead(cable: Cable): string {
    const { nodes } = this.#lab;
    this.#turn += 1;
    void cable.aim(nodes[this.#turn % nodes.length]?.clients.port ?? 0);
    void cable.pass(); // what has become of its last connection is nothing to the next
    return `ws://127.0.0.1:${cable.port}/connection/websocket`;
  }

  #numbersOf(clientIds: readonly string[]): number[] {
    const numbers = clientIds.map((id) => this.all.findIndex(({ clientId }) => clientId === id));
    // Others than the cast are there, too.
    return numbers.filter((number) => number >= 0).toSorted((a, b) => a - b);
  }

  #liveReaders(): readonly Reader[] {
    return this.all.flatMap((actor) => actor.readers()).filter(({ isLive }) => isLive);
  }
}

type Told = Reader['told'][number];

/** Does it say where a client stands? A volatile one does not. */
function isPlace(told: Told): told is Extract<Told, { position: unknown }> {
  return told.kind !== 'ended' && told.position !== null;
}

/** Has it got this one last, or does it stand there, or behind it? */
function hasComeTo(told: Reader['told'], last: LastWord): boolean {
  const delivered = told.findLast((each) => each.kind === 'delivered');
  if (typeof last === 'string') return delivered?.id === last;
  const stand = told.findLast(isPlace)?.position;
  const isThere = stand?.epoch === last.epoch && stand.offset >= last.offset;
  return delivered?.id === last.id || (last.offset > 0 && isThere);
}

function compact(told: Reader['told']): CompactLedgers['readers'][number]['entries'] {
  return told.map((each) => {
    if (each.kind === 'ended') return 'ended';
    if (each.kind === 'delivered') {
      const { id, tenantId, position } = each;
      return { delivered: { id, tenantId, position } };
    }
    const { position, wasRecovering, recovered, callsBefore: at } = each;
    return { told: { position, wasRecovering, recovered }, at };
  });
}
