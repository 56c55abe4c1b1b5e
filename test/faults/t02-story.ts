import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Fault,
  type Scenario,
  type Step,
  TENANT_IDS,
} from '../../packages/server/test/model/scenario.ts';
import { seeded } from '../../packages/server/test/seeded.ts';
import { comesTrue } from '../comes-true.ts';
import type { Lab } from './lab.ts';
import type { PublishOrder } from './publisher.ts';
import { RandomFaults } from './random-faults.ts';
import { Actors } from './t02-actors.ts';
import type { Move } from './t02-model-app.ts';

/** What happens beside a story. */
export interface Surroundings {
  /** How long it lasts. */
  readonly seconds: number;
  /** How many clients there are beside the actors, who only listen. */
  readonly listeners: number;
  /** What is published beside what the story says. */
  readonly perSecond: number;
  /** What is broken. Default: everything. */
  readonly families?: readonly Fault[];
}

const MAX_PAUSE_MS = 50;
const MAX_WAIT_MS = 500;
const MOVE_RETRY_MS = 200;
/** Beside the faults of the story there is one every so often, on average. */
const FAULT_EVERY_MS = 1_000;
const FAMILIES: readonly Fault[] = [
  'refuse',
  'store unanswered',
  'drop unanswered',
  'lose',
  'break',
];
const ROOMS = ['chat:1', 'chat:2', 'fleeting:1'];

/** One scenario on one lab. */
export class ModelStory {
  readonly actors: Actors;
  readonly faults: RandomFaults;
  readonly #lab: Lab;
  readonly #random: () => number;
  readonly #moves = new Map<string, Promise<void>>();
  #steps = 0;

  static async open(lab: Lab, { cast, seed }: Scenario, plan: Surroundings): Promise<ModelStory> {
    const { listeners, perSecond } = plan;
    const rooms = ROOMS.map((room) => [room]);
    const who = { make: 'raw', tenantIds: TENANT_IDS, rooms, role: 'admins' } as const;
    if (listeners > 0) await lab.crowd({ ...who, count: listeners });
    const load = { to: targets(), perSecond: perSecond / lab.nodes.length };
    await lab.load({ ...load, perSecond });
    const random = seeded(seed);
    const faults = new RandomFaults({
      lab,
      random,
      onBack: async ({ process }) => await process.load(load),
    });
    return new ModelStory({ lab, random, faults, actors: await Actors.open(lab, cast) });
  }

  private constructor(parts: {
    readonly lab: Lab;
    readonly random: () => number;
    readonly faults: RandomFaults;
    readonly actors: Actors;
  }) {
    this.#lab = parts.lab;
    this.#random = parts.random;
    this.faults = parts.faults;
    this.actors = parts.actors;
  }

  /** How many were taken. */
  get steps(): number {
    return this.#steps;
  }

  /** Takes as many steps as there is time for. */
  async run(steps: readonly Step[], { seconds, families = FAMILIES }: Surroundings): Promise<void> {
    const begin = performance.now();
    let nextFaultAt = begin;
    for (const step of steps) {
      if (performance.now() - begin > 1_000 * seconds) return;
      if (performance.now() > nextFaultAt) {
        this.faults.begin(families[Math.floor(this.#random() * families.length)] ?? 'lose');
        nextFaultAt = performance.now() + 2 * FAULT_EVERY_MS * this.#random();
      }
      this.#steps += 1;
      this.actors.note(step);
      // oxlint-disable-next-line no-await-in-loop -- one step after the other
      await this.#take(step);
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(this.#random() * MAX_PAUSE_MS);
    }
  }

  /** Ends all faults, and waits until everything is as the model says; what is not in time, is a miss. */
  async rest(patienceMs: number): Promise<{ restMs: number; misses: string[] }> {
    await this.faults.end();
    await this.actors.calm();
    await Promise.all(this.#lab.nodes.map(({ clients }) => clients.pass()));
    await this.#lab.stopLoad();
    const begin = performance.now();
    await Promise.all(this.#moves.values());
    let misses: string[] = [];
    await comesTrue(patienceMs, async () => {
      misses = [
        ...this.actors.differences(),
        ...(await this.actors.presenceDifferences()),
        ...(await this.actors.laggards()),
      ];
      return misses.length === 0;
    });
    return { restMs: performance.now() - begin, misses };
  }

  async #take(step: Step): Promise<void> {
    const { actors } = this;
    switch (step.do) {
      case 'connect':
        return actors.actor(step).client.connect();
      case 'disconnect':
        return actors.actor(step).client.disconnect();
      case 'subscribe':
        return actors.actor(step).room(step.room).subscribe();
      case 'unsubscribe':
        return actors.actor(step).room(step.room).unsubscribe();
      case 'expire':
        return actors.expireNext(step.who, step.inMs);
      case 'move':
        return this.#move(step);
      case 'say':
        return actors.actor(step).say(step.room, step.bytes);
      case 'publish':
        return this.#publish(step);
      case 'fault':
        return this.faults.begin(step.fault);
      default:
        return await this.#takeOnLine(step);
    }
  }

  /** What happens to connections, or does not happen. */
  async #takeOnLine(step: Step): Promise<void> {
    switch (step.do) {
      case 'cut':
        return await this.actors.cable(step).rst();
      case 'cut all':
        return void (await Promise.all(this.#lab.nodes.map(({ clients }) => clients.rst())));
      case 'vanish':
        return await this.actors.cable(step).blackhole();
      case 'stall':
        return void this.#stall(step);
      case 'wait':
        await sleep(Math.min(step.ms, MAX_WAIT_MS));
        break;
      default: // 'settle': only in the end, when nothing goes wrong any more
    }
  }

  async #stall(step: Extract<Step, { do: 'stall' }>): Promise<void> {
    const cable = this.actors.cable(step);
    await cable.shape({ isBlackhole: true }, 's2c');
    await sleep(step.ms);
    await cable.shape({}, 's2c');
  }

  #publish({ who, to, count: times, bytes, isVolatile }: Extract<Step, { do: 'publish' }>): void {
    const { tenantId, userId } = this.actors.actor({ who }).person;
    const target = to.kind === 'user' ? ({ kind: 'user', userId } as const) : to;
    const order: PublishOrder = { tenantId, target, bytes, isVolatile };
    const orders = Array.from({ length: times }, () => order);
    // What becomes of it is in the node's ledger; that it may be killed meanwhile is the point.
    this.#anyNode()
      .publishAll(orders)
      .catch(() => {});
  }

  /** The app says so to the server until it is done: the latest, if it has changed its mind meanwhile. */
  #move({ who, room }: Extract<Step, { do: 'move' }>): void {
    const { person } = this.actors.actor({ who });
    const key = `${person.tenantId} ${person.userId} ${room}`;
    const before = this.#moves.get(key) ?? Promise.resolve();
    const { tenantId, userId } = person;
    const announce = async () => {
      const isIn = this.actors.isToBeIn(person, room);
      await this.#announce({ tenantId, userId, room, isIn });
    };
    this.#moves.set(key, before.then(announce));
  }

  async #announce(move: Move): Promise<void> {
    for (;;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- until it is done
        return await this.#anyNode().ask('move', move);
      } catch {
        // oxlint-disable-next-line no-await-in-loop -- see above
        await sleep(MOVE_RETRY_MS);
      }
    }
  }

  #anyNode() {
    const running = this.#lab.nodes.filter(({ process }) => process.isRunning);
    const node = running[Math.floor(this.#random() * running.length)] ?? this.#lab.nodes[0];
    if (!node) throw new Error('A lab without nodes');
    return node.process;
  }
}

/** To everybody, role and room, of each tenant and the platform. */
function targets(): PublishOrder[] {
  return TENANT_IDS.flatMap((tenantId) => [
    { tenantId, target: { kind: 'all' } as const },
    { tenantId, target: { kind: 'role', role: 'admins' } as const },
    ...ROOMS.map((room) => ({ tenantId, target: { kind: 'room', room } as const })),
  ]);
}
