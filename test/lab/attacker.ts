// The attacker's process: it runs one attack at a time and says what it got.
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../../packages/server/test/seeded.ts';
import type { Attack, Tally } from './attack.ts';
import { attacks } from './attacks.ts';
import { answer } from './child.ts';

/** What an attack came to. */
export interface Loot {
  readonly got: Tally;
  /** Hostile frames, handshakes or sockets. */
  readonly spent: number;
}

/** Which attack, on whom, how. */
export interface Orders {
  readonly name: string;
  readonly url: string;
  readonly seed: number;
  readonly scale: number;
  readonly durationMs: number;
}

/** A connection that nobody ends must not hold up the lab. */
const PATIENCE_MS = 3_000;

// It shares its core with the healthy, whose latency is measured: they go first.
setPriority(10);

async function run({ name, url, seed, scale, durationMs }: Orders): Promise<Loot> {
  const got: Tally = {};
  let spent = 0;
  const end = performance.now() + durationMs;
  const running = find(name).run({
    url,
    random: seeded(seed),
    scale,
    isOver: () => performance.now() >= end,
    count: (outcome, by = 1) => {
      got[outcome] = (got[outcome] ?? 0) + by;
    },
    spend: (by = 1) => {
      spent += by;
    },
  });
  const isStuck = await Promise.race([
    running.then(() => false),
    sleep(durationMs + PATIENCE_MS).then(() => true),
  ]);
  if (isStuck) got['NEVER ENDED'] = 1;
  return { got, spent };
}

function find(name: string): Attack {
  const attack = Object.values(attacks)
    .flat()
    .find((candidate) => candidate.name === name);
  if (!attack) throw new Error(`There is no attack '${name}'`);
  return attack;
}

answer({ run });
