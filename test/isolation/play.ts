import { setImmediate as turn } from 'node:timers/promises';
import { seeded } from '../../packages/server/test/seeded.ts';
import { ACTS, type Scenario } from './scenario.ts';
import { Stage, type Step } from './stage.ts';
import type { Tally } from './tally.ts';
import { World } from './world.ts';

/** What a run came to. */
export interface Outcome {
  /** What the second check at delivery has stopped. */
  readonly stopped: number;
  /** What somebody got of another realm, or of somebody else. */
  readonly leaks: readonly string[];
  /** What was not answered as it had to be. */
  readonly problems: readonly string[];
}

/** So many things are begun before those begun before them are done, at most. */
const MAX_AT_ONCE = 8;
/** Most are there from the start: whom nobody sees, nobody leaks to. */
const ABSENT_EVERY = 4;

/** Plays a scenario in a world of its own, and reads everything that goes out. */
export async function play({ steps, seed, ...setup }: Scenario, tally: Tally): Promise<Outcome> {
  const random = seeded(seed);
  const world = await World.start({ ...setup, random });
  const stage = new Stage(world, tally);
  try {
    await gather(stage);
    for (let rest = steps; rest.length > 0; ) {
      const count = 1 + Math.floor(random() * MAX_AT_ONCE);
      await Promise.all(rest.slice(0, count).map((step) => take(stage, step)));
      await turn(); // whose end was decided hears of it
      for (const peer of world.peers) peer.settle();
      rest = rest.slice(count);
    }
    return judge(stage);
  } finally {
    await world.stop();
  }
}

async function gather(stage: Stage): Promise<void> {
  const { peers } = stage.world;
  const first = peers.flatMap((_, who) => {
    const step: Step = { act: 'connect', who, whom: who, pick: who, count: 1 };
    return who % ABSENT_EVERY === 0 ? [] : [take(stage, step)];
  });
  await Promise.all(first);
}

async function take(stage: Stage, step: Step): Promise<void> {
  try {
    await ACTS[step.act]?.(stage, step);
  } catch (error) {
    stage.problems.push(`${step.act} threw ${String(error)}`);
  }
}

function judge({ world, problems, tally }: Stage): Outcome {
  const { counts } = world.node.stats();
  tally.runs += 1;
  tally.deliveries += counts.deliveries;
  tally.recovered += counts.recovered;
  tally.frames += world.wiretap.frames;
  tally.deltas += world.peers.reduce((sum, { deltas }) => sum + deltas, 0);
  tally.addMarkers(world.wiretap.seen);
  for (const { action } of world.audited) tally.tried(`audit: ${action}`);
  return {
    stopped: counts.isolationViolations,
    leaks: [...world.wiretap.leaks].map(([leak, count]) => `${leak} (${count} times)`),
    problems: [...problems, ...strays(world), ...overheard(world), ...world.errors],
  };
}

/** Who was closed without a reason, or put into a room by somebody else's order. */
function strays(world: World): string[] {
  return world.peers.flatMap(({ person, surprises, serverSide }) => {
    const rooms = [...serverSide].filter((name) => !name.startsWith('@'));
    const foreign = rooms.filter((room) => !world.mayBeIn(person, room));
    return [...surprises, ...foreign.map((room) => `${person.userId} was put into ${room}`)];
  });
}

/** The audit trail says who and what, and never what was said. */
function overheard({ audited }: World): string[] {
  const records = audited.map((record) => JSON.stringify(record));
  return records.filter((record) => /~\w+\.\w+\.\w+~/.test(record));
}
