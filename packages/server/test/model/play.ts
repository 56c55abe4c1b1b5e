import { parseChannelKey } from '@trunkline/contract';
import type { NodeStats } from '@trunkline/server';
import { seeded } from '../seeded.ts';
import type { Actor } from './actor.ts';
import { check } from './checker.ts';
import type { History, Reader } from './ledger.ts';
import { after, beginning, differences, type Model, presences } from './model.ts';
import { channelTo, type Scenario, type Step } from './scenario.ts';
import { inVirtualTime, pass, passUntil, passUntilDone, pendingTimers } from './virtual-time.ts';
import { World, type WorldInit } from './world.ts';

/** What a run came to. */
export interface Outcome {
  readonly history: History;
  /** What was not as the model or the checker says, or was still there after the end. */
  readonly violations: readonly string[];
  /** What the node counted. */
  readonly stats: NodeStats;
}

/** The longest pause between two steps that are not told to wait, milliseconds. */
const MAX_PAUSE_MS = 3;
/** A dead connection must have been found and replaced by then, milliseconds (invariant I7). */
const MAX_REST_MS = 35_000;

/** No delay of the broker, no back-off and no expiry takes longer, milliseconds. */
const MAX_DELAY_MS = 100;

/** So soon a shared broker is asked for what it has not announced, and has answered, milliseconds. */
const MAX_LOOK_MS = 2_000;

/** After so long all may be published again that is published in the end, milliseconds. */
const REFILL_MS = 1_000;

/** Plays a scenario in a world of its own, and judges what it came to. */
export async function play(
  { cast, steps, seed, maxBacklogBytes }: Scenario,
  options: Pick<WorldInit, 'engine' | 'tamper'>,
): Promise<Outcome> {
  const random = seeded(seed);
  const init: WorldInit = { cast, random, maxBacklogBytes, ...options };
  return await inVirtualTime(random, async () => await new Play(init).run(steps));
}

class Play {
  readonly #random: () => number;
  readonly #world: World;
  readonly #violations: string[] = [];
  #model: Model;

  constructor(init: WorldInit) {
    this.#random = init.random;
    this.#world = new World(init);
    this.#model = beginning(init.cast);
  }

  async run(steps: readonly Step[]): Promise<Outcome> {
    await passUntilDone(this.#world.node.start());
    for (const step of steps) {
      this.#model = after(this.#model, step);
      await this.#take(step);
      await pass(Math.floor(this.#random() * (MAX_PAUSE_MS + 1)));
    }
    await this.#converge();
    const history = this.#world.history();
    const broken = check(history).map(({ invariant, message }) => `${invariant}: ${message}`);
    await this.#leave();
    this.#report('expiry', [...this.#world.overdue]);
    const stats = this.#world.node.stats();
    return { history, stats, violations: [...this.#violations, ...broken] };
  }

  async #take(step: Step): Promise<void> {
    const { network, broker, app } = this.#world;
    switch (step.do) {
      case 'connect':
        return this.#actor(step).client.connect();
      case 'disconnect':
        return this.#actor(step).client.disconnect();
      case 'subscribe':
        return this.#actor(step).room(step.room).subscribe();
      case 'unsubscribe':
        return this.#actor(step).room(step.room).unsubscribe();
      case 'expire':
        return app.expireNext(this.#actor(step).index, step.inMs);
      case 'move':
        return this.#world.move(this.#actor(step).person, step.room);
      case 'say':
        return this.#actor(step).say(step.room, step.bytes);
      case 'cut':
        return network.cut(this.#actor(step).url);
      case 'cut all':
        return network.cut();
      case 'vanish':
        return network.darken(this.#actor(step).url);
      case 'stall':
        return network.stall(this.#actor(step).url, step.ms);
      case 'fault':
        return broker.cause(step.fault);
      case 'wait':
        return await pass(step.ms);
      case 'settle':
        return await this.#settle();
      case 'publish':
        return this.#publish(step);
    }
  }

  #actor({ who }: { who: number }): Actor {
    const { actors } = this.#world;
    return actors[who % actors.length];
  }

  #publish(step: Extract<Step, { do: 'publish' }>): void {
    const { who, to, count, keys, bytes, isVolatile } = step;
    const channel = channelTo(this.#actor({ who }).person, to);
    for (let n = 0; n < count; n += 1) {
      const conflationKey = keys[n % keys.length];
      this.#world.publish(channel, { bytes, isVolatile, conflationKey });
    }
  }

  /** Once all has come to rest, everything is as the model says. */
  async #settle(): Promise<void> {
    const { network } = this.#world;
    const isQuiet = () => this.#world.isDone && network.isIdle;
    const isSettled = () => isQuiet() && this.#differences().length === 0;
    if (!(await passUntil(isSettled, MAX_REST_MS))) this.#report('model', this.#differences());
    this.#report('presence', await this.#presenceDifferences());
  }

  #differences(): string[] {
    return differences(this.#model, {
      actors: this.#world.actors.map((actor) => actor.found()),
      node: this.#world.found(),
    });
  }

  /** Presence follows in the background. */
  async #presenceDifferences(): Promise<string[]> {
    const expected = JSON.stringify(presences(this.#model));
    for (let tries = 0; ; tries += 1) {
      const asking = this.#world.presences();
      await pass(MAX_DELAY_MS);
      const found = JSON.stringify(await asking);
      if (found === expected) return [];
      if (tries === 10) return [`${found}, expected ${expected}`];
    }
  }

  #report(what: string, violations: readonly string[]): void {
    this.#violations.push(...violations.map((violation) => `${what}: ${violation}`));
  }

  /**
   * With all faults over, a last publication in each live channel shows who has got how far. The
   * one before it makes good what was lost: who finds a hole comes back for it, and may miss what
   * has no history meanwhile.
   */
  async #converge(): Promise<void> {
    this.#world.calm();
    await pass(REFILL_MS);
    await this.#settle();
    await this.#expectCaughtUp();
    this.#publishToLive();
    await pass(MAX_DELAY_MS); // let it be found
    await this.#settle();
    await this.#expectVolatile();
    this.#publishToLive();
    await pass(MAX_DELAY_MS);
    const isLagging = () =>
      check(this.#world.history()).some(({ invariant }) => invariant === 'I7');
    await passUntil(() => !isLagging(), MAX_REST_MS);
  }

  /** What the server itself knows to be lost it makes good by itself, and needs no later one for it. */
  async #expectCaughtUp(): Promise<void> {
    const { broker } = this.#world;
    if (broker.isShared) await pass(MAX_LOOK_MS);
    else if (broker.hasLost) return;
    for (const { client, channel, told } of this.#liveReaders()) {
      const stand = told.findLast(isPlace)?.position;
      if (!stand) continue;
      const asking = this.#world.node.history(channel, null);
      await pass(MAX_DELAY_MS);
      const { top } = await asking;
      if (top.epoch === stand.epoch && top.offset === stand.offset) continue;
      const message = `${client} in ${channel} stands at ${stand.offset}, the top is ${top.offset}`;
      this.#report('I7 at rest', [message]);
    }
  }

  /** It may be lost, but to who was there all the time, with nothing in its way, a volatile one comes. */
  async #expectVolatile(): Promise<void> {
    const joinsBefore = this.#liveReaders().map(joinsOf);
    this.#publishToLive({ isVolatile: true });
    await pass(MAX_DELAY_MS);
    const { published } = this.#world.history();
    for (const reader of this.#liveReaders()) {
      const { client, channel, told } = reader;
      const last = published.findLast((each) => each.channel === channel);
      if (last?.outcome !== 'accepted' || !joinsBefore.includes(joinsOf(reader))) continue;
      if (told.some((each) => each.kind === 'delivered' && each.id === last.id)) continue;
      this.#report('volatile at rest', [`${client} in ${channel} has not got ${last.id}`]);
    }
  }

  #liveReaders(): readonly Reader[] {
    return this.#world.history().readers.filter(({ isLive }) => isLive);
  }

  #publishToLive(content: { isVolatile?: boolean } = {}): void {
    for (const key of new Set(this.#liveReaders().map(({ channel }) => channel))) {
      const channel = parseChannelKey(key);
      if (channel) this.#world.publish(channel, content);
    }
  }

  /** I8: when all have left, nothing is left of them. */
  async #leave(): Promise<void> {
    const { actors, node } = this.#world;
    for (const { client } of actors) client.disconnect();
    const isEmpty = () => node.stats().connections === 0;
    await passUntil(isEmpty, MAX_REST_MS);
    const left = { ...this.#world.found(), ...this.#world.booked() };
    await passUntilDone(node.stop());
    await pass(MAX_DELAY_MS); // what was under way
    for (const [what, count] of Object.entries({ ...left, timers: pendingTimers() })) {
      if (count !== 0) this.#report('I8', [`${count} ${what} after all have left`]);
    }
  }
}

/** Which subscription of whom it is, of all that there were. */
function joinsOf({ client, channel, told }: Reader): string {
  return `${client} ${channel} ${told.filter(({ kind }) => kind === 'subscribed').length}`;
}

type Told = Reader['told'][number];

/** Does it say where a client stands? A volatile one does not. */
function isPlace(told: Told): told is Extract<Told, { position: unknown }> {
  return told.kind !== 'ended' && told.position !== null;
}
